import { Graph } from '../graph.ts';
import type { Value } from '../graph.ts';
import { Gather, GatherElements } from '../ops/indexing.ts';
import { Pad, Slice } from '../ops/movement.ts';
import { cachedBytes, isLarge } from './large.ts';
import { transform } from './transform.ts';

const movements = new Set([Gather.type, GatherElements.type, Pad.type, Slice.type]);

/** Bytes from which on a moved tensor is not kept; the parts of a convolution are larger. */
const worthKeeping = cachedBytes / 4;

/**
 * Computes each value once: nodes of one operator, one graph, equal inputs and equal attributes become one. But moving
 * a large tensor a second time is cheaper than keeping what was moved until it is wanted again.
 */
export function mergeDuplicates(graph: Graph): Graph {
  const ids = new Map<Value | Graph, number>();
  const idOf = (key: Value | Graph) => {
    let id = ids.get(key);
    if (id === undefined) ids.set(key, (id = ids.size));
    return id;
  };
  const known = new Map<string, readonly Value[]>();
  return transform(graph, (node, inputs, { copy }) => {
    const attributes = Object.values(node.attributes);
    const isMove = movements.has(node.op.type) && isLarge(node.outputs[0]!.shape, worthKeeping);
    if (isMove || attributes.some((attribute) => attribute instanceof Graph)) return copy();
    const key = JSON.stringify([
      node.op.type,
      // What a loop's body computes is not there outside of it.
      idOf(node.outputs[0]!.graph),
      inputs.map((input) => (input ? idOf(input) : -1)),
      Object.entries(node.attributes).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
    let outputs = known.get(key);
    if (!outputs) known.set(key, (outputs = copy()));
    return outputs;
  });
}
