import type { Graph } from '../graph.ts';
import type { TransposeAttributes } from '../ops/movement.ts';
import { Transpose, transpose } from '../ops/movement.ts';
import type { OpDef } from '../ops/op.ts';
import { someNode, transform } from './transform.ts';

/** Makes one of two transposes in a row, and none where they cancel. */
export function cancelTransposes(graph: Graph): Graph {
  const isTranspose = (op: OpDef | undefined) => op?.type === Transpose.type;
  if (!someNode(graph, ({ op, inputs }) => isTranspose(op) && isTranspose(inputs[0]?.node?.op))) return graph;
  return transform(graph, (node, inputs, { copy }) => {
    const before = inputs[0]?.node;
    if (!isTranspose(node.op) || !isTranspose(before?.op)) return copy();
    const first = (before!.attributes as unknown as TransposeAttributes).perm;
    const second = (node.attributes as unknown as TransposeAttributes).perm;
    const perm = second.map((axis) => first[axis]!);
    const source = before!.inputs[0]!;
    return [perm.every((axis, i) => axis === i) ? source : transpose(source, perm)];
  });
}
