import { Graph } from '../graph.ts';
import type { Value } from '../graph.ts';
import { transform } from './transform.ts';

/** Computes each value once: nodes of one operator, one graph, equal inputs and equal attributes become one. */
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
    if (attributes.some((attribute) => attribute instanceof Graph)) return copy();
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
