import type { Graph } from '../graph.ts';
import type { TransposeAttributes } from '../ops/movement.ts';
import { Transpose, transpose } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { readersOf } from './readers.ts';
import { transform } from './transform.ts';

/**
 * Moves a transpose in front of an elementwise operator with one tensor and otherwise scalars, where it is the only
 * reader: Transpose(x beta) becomes Transpose(x) beta. Moments that are first scaled then reach `hoistLayouts` bare.
 */
export function raiseTransposes(graph: Graph): Graph {
  const readers = readersOf(graph);
  return transform(graph, (node, inputs, { copy }) => {
    const before = inputs[0]?.node;
    if (
      node.op.type !== Transpose.type ||
      !before?.op.elementwise ||
      readers.get(node.inputs[0]!)!.length > 1
    )
      return copy();
    const tensors = before.inputs.filter((input) => input && input.rank > 0);
    if (tensors.length !== 1 || tensors[0]!.rank !== inputs[0]!.rank) return copy();
    const { perm } = node.attributes as unknown as TransposeAttributes;
    const operands = before.inputs.map((input) => (input === tensors[0] ? transpose(input!, perm) : input));
    return [emitOne(before.op, operands, before.attributes)];
  });
}
