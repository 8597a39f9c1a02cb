import type { Value } from '../graph.ts';
import { Pass } from '../layers/pass.ts';
import { concat, slice } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import type { Hybrid, Judged, Phase, Player, Side, StepContext } from '../techniques/technique.ts';
import type { Building } from './building.ts';

/** What D made of one real and one fake batch. */
export type Sides = Readonly<Record<Side, Judged>>;

/** Another's weights in place of a network's own, by name. */
export type Weights = (name: string) => Value;

/** The networks of a step, as they are applied to batches. */
export class Players {
  readonly #building: Building;

  constructor(building: Building) {
    this.#building = building;
  }

  latent(stream: string, context: StepContext): Value {
    const { recipe, latent } = this.#building.plan;
    return this.#building.graph.scope('latent', () =>
      latent(stream, [recipe.batch, recipe.network.zDim], context),
    );
  }

  generate(
    z: Value,
    labels: Value | undefined,
    context: StepContext,
    label?: string,
    weights?: Weights,
  ): Value {
    const { generator } = this.#building.plan.networks;
    return this.#run('generator', generator, z, context, { label, labels }, weights);
  }

  judge(x: Value, side: Side, phase: Phase, label: string, context: StepContext, weights?: Weights): Judged {
    const { discriminator } = this.#building.plan.networks;
    const seen = this.#seen(x, side, phase, context);
    return { ...this.#run('discriminator', discriminator, seen, context, { label }, weights), seen };
  }

  /**
   * D on a real and a fake batch that never mix, unless a technique wants it so: in passes of their own, or in one where
   * D looks at every sample by itself.
   */
  compare(real: Value, fake: Value, context: StepContext, name: (label: string) => string): Sides {
    const { networks, hooks } = this.#building.plan;
    if (networks.discriminatorMixes && !hooks.some((hook) => hook.mixed))
      return {
        real: this.judge(real, 'real', 'discriminator', name('real'), context),
        fake: this.judge(fake, 'fake', 'discriminator', name('fake'), context),
      };
    const seen = [
      this.#seen(real, 'real', 'discriminator', context),
      this.#seen(fake, 'fake', 'discriminator', context),
    ];
    const [onReal, onFake] = this.judgeTogether(seen, context, name);
    return { real: onReal!, fake: onFake! };
  }

  /** D in one pass on several batches as it sees them, noise and all. */
  judgeTogether(seen: readonly Value[], context: StepContext, name: (label: string) => string): Judged[] {
    const { graph, plan } = this.#building;
    const all = seen.length === 1 ? seen[0]! : graph.scope('discriminator-input', () => concat(seen, 0));
    const judged = this.#run('discriminator', plan.networks.discriminator, all, context, {
      label: name('both'),
    });
    let end = 0;
    return seen.map((batch) => {
      const start = end;
      end += fixed(batch.shape[0]);
      const range = [start, end] as const;
      const rows = (x: Value) =>
        seen.length === 1 ? x : graph.scope(name('halves'), () => slice(x, { 0: range }));
      return {
        seen: batch,
        logits: rows(judged.logits),
        layers: judged.layers.map(rows),
        heads: new Map([...judged.heads].map(([head, x]) => [head, rows(x)])),
      };
    });
  }

  /** What an encoder adds, where the recipe has one. */
  hybrid(real: Value, context: StepContext): Hybrid | undefined {
    const { networks, hooks } = this.#building.plan;
    const { encoder } = networks;
    const hook = hooks.find(({ hybrid }) => hybrid)?.hybrid;
    if (!hook || !encoder) return undefined;
    return hook({
      ...context,
      real,
      generate: (z, label) => this.generate(z, undefined, context, label),
      encode: (x, label) => this.#run('encoder', encoder, x, context, { label }),
    });
  }

  /** Weights that stand in for a network's in the other one's turn; undefined for its own. */
  opponent(network: 'generator' | 'discriminator', context: StepContext): Weights | undefined {
    const { graph, plan } = this.#building;
    return graph.scope('opponent', () =>
      plan.hooks.reduce<Weights | undefined>(
        (found, hook) => hook.weights?.(network, found ?? context.state, context) ?? found,
        undefined,
      ),
    );
  }

  /**
   * Applies a network. Its new statistics are kept, unless the weights are another's.
   *
   * @param weights instead of the live ones
   */
  #run<T>(
    network: Player,
    build: (pass: Pass, input: Value) => T,
    input: Value,
    context: StepContext,
    options: { label?: string | undefined; labels?: Value | undefined },
    weights?: Weights,
  ): T {
    const { graph, plan, next } = this.#building;
    const { parameters, statistics } = plan.states[network]!;
    const values = weights
      ? graph.scope(
          'opponent',
          () => new Map([...parameters, ...statistics].map(({ name }) => [name, weights(name)])),
        )
      : next;
    const pass = new Pass({
      graph,
      network,
      values,
      training: true,
      random: context.random,
      control: context.control,
      labels: options.labels,
      ...(options.label === undefined ? {} : { label: options.label }),
    });
    const output = pass.run(build, input);
    if (!weights) for (const [name, value] of pass.updates) next.set(name, value);
    return output;
  }

  #seen(x: Value, side: Side, phase: Phase, context: StepContext): Value {
    const { graph, plan } = this.#building;
    return graph.scope('discriminator-input', () =>
      plan.hooks.reduce((y, hook) => hook.discriminatorInput?.(y, side, phase, context) ?? y, x),
    );
  }
}
