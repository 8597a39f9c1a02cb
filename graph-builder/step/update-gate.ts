import type { Value } from '../graph.ts';
import type { StateSpec } from '../initializer.ts';
import { and, greater, greaterOrEqual, not } from '../ops/comparison.ts';
import { add, cast, mul } from '../ops/elementwise.ts';
import type { Losses, StepContext, TechniqueHooks } from '../techniques/technique.ts';

/** Networks that a technique may hold back. */
export type Gated = 'generator' | 'discriminator';

const skippedName = (network: Gated) => `gate/${network}/skipped`;

/** Counters of the updates that each network has skipped in a row, where a technique may hold networks back. */
export const gateState = (hooks: readonly TechniqueHooks[]): StateSpec[] =>
  hooks.some(({ gate }) => gate)
    ? (['generator', 'discriminator'] as const).map((network) => ({
        name: skippedName(network),
        dtype: 'int32',
        shape: [],
        init: { kind: 'constant', value: 0 },
      }))
    : [];

/**
 * Whether a network learns in this step, bool []: where all techniques let it, or where it has skipped as many updates
 * in a row as the least of their caps. They share one count: with one each, two techniques that begin to hold a network
 * at different steps would let go at different steps, and it would never learn. Undefined where none holds it.
 */
export function gateOf(
  hooks: readonly TechniqueHooks[],
  network: Gated,
  losses: Losses,
  step: StepContext,
): Value | undefined {
  const gates = hooks.flatMap(({ gate }) => gate ?? []);
  if (!gates.length) return undefined;
  const wanted = gates
    .map(({ learns }) => learns(network, losses, step))
    .reduce((all, each) => and(all, each));
  const cap = Math.min(...gates.map((gate) => gate.cap));
  const name = skippedName(network);
  const skipped = step.state(name);
  const forced = greaterOrEqual(skipped, cap);
  const isLearning = greater(add(cast(wanted, 'int32'), cast(forced, 'int32')), 0);
  step.setState(name, mul(add(skipped, 1), cast(not(isLearning), 'int32')));
  return isLearning;
}
