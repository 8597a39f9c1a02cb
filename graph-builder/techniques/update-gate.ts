import type { Value } from '../graph.ts';
import type { StateSpec } from '../initializer.ts';
import { greater, greaterOrEqual } from '../ops/comparison.ts';
import { add, cast, mul, sub } from '../ops/elementwise.ts';
import type { StepContext } from './technique.ts';

/*
 * What the techniques that let a network skip an update have in common: it may not skip more than so many in a row.
 */

/** Counter of the updates that `network` has skipped in a row. */
export const skippedSpec = (technique: string, network: string): StateSpec => ({
  name: `${technique}/${network}/skipped`,
  dtype: 'int32',
  shape: [],
  init: { kind: 'constant', value: 0 },
});

/** `wanted` (bool []), or true where as many as `cap` updates were skipped in a row. Keeps the count. */
export function capped(
  technique: string,
  network: string,
  wanted: Value,
  cap: number,
  { state, setState }: Pick<StepContext, 'state' | 'setState'>,
): Value {
  const { name } = skippedSpec(technique, network);
  const skipped = state(name);
  const forced = greaterOrEqual(skipped, cap);
  const learns = add(cast(wanted, 'int32'), cast(forced, 'int32'));
  const isLearning = greater(learns, 0);
  setState(name, sub(add(skipped, 1), mul(cast(isLearning, 'int32'), add(skipped, 1))));
  return isLearning;
}
