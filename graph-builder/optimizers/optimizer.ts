import type { Value } from '../graph.ts';
import type { StateSpec } from '../initializer.ts';
import { add, where } from '../ops/elementwise.ts';
import { groupsOf, join, part } from './group.ts';

/**
 * An optimiser as an elementwise rule and what it keeps. State is keyed by parameter name.
 * Rates are values, not attributes, so a schedule never rebuilds a session.
 */
export interface Optimizer {
  /** Whether the updates are counted, as int32 `prefix/updates`. */
  readonly counts: boolean;
  /** Tensors kept beside each parameter, of its shape and zero at the start: `prefix/<slot>/<parameter>`. */
  readonly slots: readonly string[];
  /**
   * The rule of one update, after whatever all parameters share.
   *
   * @param learningRate float32 [] @param updates int32 [], this one included, where they are counted
   */
  rule(learningRate: Value, updates: Value | undefined): Rule;
}

/** Next value of a parameter, and its slots in their order. */
export type Rule = (
  value: Value,
  gradient: Value,
  slots: readonly Value[],
) => { readonly value: Value; readonly slots: readonly Value[] };

const counterName = (prefix: string) => `${prefix}/updates`;
const slotName = (prefix: string, slot: string, parameter: string) => `${prefix}/${slot}/${parameter}`;

/** What `optimizer` keeps for the parameters, under `prefix/`. */
export function optimizerState(
  { counts, slots }: Optimizer,
  parameters: readonly StateSpec[],
  prefix: string,
): StateSpec[] {
  const init = { kind: 'constant', value: 0 } as const;
  return [
    ...(counts ? [{ name: counterName(prefix), dtype: 'int32', shape: [], init } as const] : []),
    ...parameters.flatMap(({ name, shape }) =>
      slots.map((slot) => ({
        name: slotName(prefix, slot, name),
        dtype: 'float32' as const,
        shape,
        init,
      })),
    ),
  ];
}

export interface OptimizerUpdate {
  readonly prefix: string;
  /** float32 [] */
  readonly learningRate: Value;
  readonly parameters: readonly { readonly name: string; readonly value: Value; readonly gradient: Value }[];
  readonly state: (name: string) => Value;
  /** bool []: whether there is an update; without one all stay as they are. */
  readonly gate?: Value | undefined;
}

/** One update: the next parameters and the next state, by name. */
export function applyOptimizer(
  optimizer: Optimizer,
  { prefix, learningRate, parameters, state, gate }: OptimizerUpdate,
): Map<string, Value> {
  const next = new Map<string, Value>();
  const gated = (value: Value, before: Value) => (gate ? where(gate, value, before) : value);
  const count = optimizer.counts ? state(counterName(prefix)) : undefined;
  const updates = count && add(count, 1);
  if (count) next.set(counterName(prefix), gated(updates!, count));
  const rule = optimizer.rule(learningRate, updates);
  for (const group of groupsOf(parameters, ({ value }) => value)) {
    const { name: label } = group[0]!;
    learningRate.graph.scope(group.length === 1 ? label : 'vectors', () => {
      const values = group.map(({ value }) => value);
      const before = {
        value: join(values),
        slots: optimizer.slots.map((slot) =>
          join(group.map(({ name }) => state(slotName(prefix, slot, name)))),
        ),
      };
      const after = rule(before.value, join(group.map(({ gradient }) => gradient)), before.slots);
      const set = (joined: Value, nameOf: (parameter: string) => string) => {
        part(joined, values).forEach((value, i) => next.set(nameOf(group[i]!.name), value));
      };
      set(gated(after.value, before.value), (name) => name);
      optimizer.slots.forEach((slot, i) => {
        set(gated(after.slots[i]!, before.slots[i]!), (name) => slotName(prefix, slot, name));
      });
    });
  }
  return next;
}
