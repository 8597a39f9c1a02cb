import type { Value } from '../graph.ts';
import type { StateSpec } from '../initializer.ts';

/**
 * An optimiser as a pair, as in optax: what it keeps, and one update. State is keyed by parameter name.
 * Rates are values, not attributes, so a schedule never rebuilds a session.
 */
export interface Optimizer {
  /** Tensors kept for the parameters, under `prefix/`. */
  state(parameters: readonly StateSpec[], prefix: string): StateSpec[];
  /** Next parameters and next state. */
  update(update: OptimizerUpdate): OptimizerResult;
}

export interface OptimizerUpdate {
  readonly prefix: string;
  /** float32 [] */
  readonly learningRate: Value;
  readonly parameters: readonly { readonly name: string; readonly value: Value; readonly gradient: Value }[];
  readonly state: (name: string) => Value;
}

export interface OptimizerResult {
  readonly parameters: ReadonlyMap<string, Value>;
  readonly state: ReadonlyMap<string, Value>;
}
