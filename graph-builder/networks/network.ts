import type { Value } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import { dense } from '../layers/dense.ts';
import type { Pass } from '../layers/pass.ts';
import { reshape } from '../ops/movement.ts';
import type { TechniqueHooks } from '../techniques/technique.ts';

/** What a discriminator says of a batch. */
export interface Judgement {
  /** [N]; higher means more real. */
  readonly logits: Value;
  /** Outputs of its hidden layers, from the input on. */
  readonly layers: readonly Value[];
  /** Outputs of further heads, by name. */
  readonly heads: ReadonlyMap<string, Value>;
}

/** z [N, zDim] -> samples */
export type GeneratorNetwork = (pass: Pass, z: Value) => Value;
export type DiscriminatorNetwork = (pass: Pass, samples: Value) => Judgement;
/** samples -> [N, any] */
export type EncoderNetwork = (pass: Pass, samples: Value) => Value;

/** Networks from elsewhere, in place of those that the recipe describes. Hooks of techniques do not reach into them. */
export interface GivenNetworks {
  readonly generator?: GeneratorNetwork;
  readonly discriminator?: DiscriminatorNetwork;
}

/** The places in a network where techniques enter, those of all techniques as one. */
export interface NetworkHooks {
  readonly generatorInput: (pass: Pass, z: Value) => Value;
  readonly generatorMap: (pass: Pass, map: Value) => Value;
  readonly generatorLayer: (pass: Pass, x: Value, layer: number, of: number) => Value;
  readonly features: (pass: Pass, features: Value) => Value;
  readonly heads: (pass: Pass, features: Value) => ReadonlyMap<string, Value>;
}

export function networkHooks(hooks: readonly TechniqueHooks[]): NetworkHooks {
  return {
    generatorInput: (pass, z) => hooks.reduce((y, hook) => hook.generatorInput?.(pass, y) ?? y, z),
    generatorMap: (pass, map) => hooks.reduce((y, hook) => hook.generatorMap?.(pass, y) ?? y, map),
    generatorLayer: (pass, x, layer, of) =>
      hooks.reduce((y, hook) => hook.generatorLayer?.(pass, y, layer, of) ?? y, x),
    features: (pass, features) => hooks.reduce((y, hook) => hook.features?.(pass, y) ?? y, features),
    heads: (pass, features) =>
      new Map(hooks.flatMap((hook) => Object.entries(hook.heads?.(pass, features) ?? {}))),
  };
}

/** The heads of a discriminator on its last hidden layer, [N, F]. */
export function judge(
  pass: Pass,
  layers: readonly Value[],
  features: Value,
  hooks: NetworkHooks,
  init?: (x: Value, slope: number) => Initializer,
): Judgement {
  const seen = hooks.features(pass, features);
  const logits = dense(pass, 'logit', seen, 1, init ? { init: init(seen, 1) } : {});
  return {
    logits: reshape(logits, [logits.shape[0]!]),
    layers,
    heads: hooks.heads(pass, seen),
  };
}
