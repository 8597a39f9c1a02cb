import type { Graph, Node, Value } from '../graph.ts';
import type { TransposeAttributes } from '../ops/movement.ts';
import { Transpose, transpose } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { transform } from './transform.ts';

/**
 * Moves a transpose in front of an elementwise operator with one tensor and otherwise scalars, where it is the only
 * reader: Transpose(x beta) becomes Transpose(x) beta. Moments that are first scaled then reach `hoistLayouts` bare.
 */
export function raiseTransposes(graph: Graph): Graph {
  const readers = new Map<Value, number>();
  const count = (value: Value | undefined) => value && readers.set(value, (readers.get(value) ?? 0) + 1);
  const visit = (node: Node) => {
    node.inputs.forEach(count);
    for (const attribute of Object.values(node.attributes))
      if (attribute && typeof attribute === 'object' && 'nodes' in attribute) countAll(attribute);
  };
  const countAll = (part: Graph) => {
    part.nodes.forEach(visit);
    part.outputs.forEach(({ value }) => count(value));
  };
  countAll(graph);

  return transform(graph, (node, inputs, { copy }) => {
    const before = inputs[0]?.node;
    if (node.op.type !== Transpose.type || !before?.op.elementwise || readers.get(node.inputs[0]!) !== 1)
      return copy();
    const tensors = before.inputs.filter((input) => input && input.rank > 0);
    if (tensors.length !== 1 || tensors[0]!.rank !== inputs[0]!.rank) return copy();
    const { perm } = node.attributes as unknown as TransposeAttributes;
    const operands = before.inputs.map((input) => (input === tensors[0] ? transpose(input!, perm) : input));
    return [emitOne(before.op, operands, before.attributes)];
  });
}
