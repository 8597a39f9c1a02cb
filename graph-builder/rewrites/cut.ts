import type { Value } from '../graph.ts';
import { gather } from '../ops/indexing.ts';
import { slice } from '../ops/movement.ts';
import { sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';

/** Elements of a row from which on the copies of rows, one by one, hardly cost more than one of them all. */
const wide = 256;

/**
 * `count` rows along the first axis, for onnxruntime's CPU provider: its Gather copies wide rows with all threads, its
 * Slice with one. Its Pad could cut off rows as well as pad, but then copies along the innermost axis alone, 12 bytes at
 * a time of a channels-last RGB image: to cut and then pad takes a tenth of that.
 */
export function cut(x: Value, first: number, count: number): Value {
  if (count === x.shape[0]) return x;
  if (sizeOf(x.shape.slice(1)) < wide) return slice(x, { 0: [first, first + count] });
  const rows = Array.from({ length: count }, (_, i) => first + i);
  return gather(x, x.graph.constant(tensor('int32', rows, [count])));
}
