import type { Value } from '../graph.ts';
import { concat, split } from '../ops/movement.ts';
import { fixed } from '../shape.ts';

/*
 * Biases and the scales of norms are short and many: an elementwise rule takes longer to start on each of them than to
 * run. So it treats all vectors as one. Other tensors stay alone: copying them would cost more than it saves, and a
 * target may lay them out its own way.
 */

/** The items in groups for an elementwise rule: those whose value is a vector together, every other by itself. */
export function groupsOf<T>(items: readonly T[], valueOf: (item: T) => Value): T[][] {
  const isVector = (item: T) => valueOf(item).rank === 1;
  const vectors = items.filter(isVector);
  const others = items.filter((item) => !isVector(item)).map((item) => [item]);
  return vectors.length ? [vectors, ...others] : others;
}

/** The values of a group as one. */
export const join = (values: readonly Value[]): Value =>
  values.length === 1 ? values[0]! : concat(values, 0);

/** What came of a joined group, in parts of the size of `values`. */
export const part = (joined: Value, values: readonly Value[]): readonly Value[] =>
  values.length === 1
    ? [joined]
    : split(
        joined,
        values.map(({ shape }) => fixed(shape[0])),
        0,
      );
