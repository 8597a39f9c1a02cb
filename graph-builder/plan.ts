import type { StateSpec } from './initializer.ts';
import type { Value } from './graph.ts';
import type { AdversarialLoss } from './losses/adversarial.ts';
import type { Networks } from './networks/networks.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import type { Recipe, SampleSpec } from './recipe.ts';
import type { Control, NetworkStates, Player, TechniqueHooks } from './techniques/technique.ts';

/** What is measured in every step, before what techniques add. */
export const telemetryNames = ['dLoss', 'gLoss', 'dReal', 'dFake', 'dGradNorm', 'gGradNorm'] as const;

/** A recipe, resolved: all that a step is built from. */
export interface Plan {
  readonly recipe: Recipe;
  readonly sample: SampleSpec;
  readonly hooks: readonly TechniqueHooks[];
  readonly networks: Networks;
  readonly states: NetworkStates;
  readonly optimizers: Readonly<Partial<Record<Player, Optimizer>>>;
  readonly loss: AdversarialLoss;
  readonly latent: NonNullable<TechniqueHooks['latent']>;
  readonly controls: readonly Control[];
  readonly averaged: readonly StateSpec[];
  /** Updates of D in a step. */
  readonly discriminatorSteps: number;
  readonly telemetry: readonly string[];
}

export interface StepInputs {
  readonly state: ReadonlyMap<string, Value>;
  /** [discriminatorSteps accumulate N, ...sample], raw */
  readonly real: Value;
  /** int32 [discriminatorSteps accumulate N], where labels are trained on */
  readonly labels?: Value;
  /** [C] */
  readonly controls: Value;
  readonly seed: Value;
  readonly step: Value;
}

/** Name of the averaged copy of one of the generator's tensors. */
export const averageName = (name: string) => `average/${name}`;
