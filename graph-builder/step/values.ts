import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';

export const sumOf = (values: readonly Value[]): Value => values.reduce((sum, value) => add(sum, value));

/** Of one value the value itself. */
export const meanOf = (values: readonly Value[]): Value =>
  values.length === 1 ? values[0]! : mul(sumOf(values), 1 / values.length);
