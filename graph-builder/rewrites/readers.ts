import { Graph } from '../graph.ts';
import type { Node, Value } from '../graph.ts';

/** The nodes that read each value, those of subgraphs too; undefined stands for an output of a graph. */
export function readersOf(graph: Graph): ReadonlyMap<Value, readonly (Node | undefined)[]> {
  const readers = new Map<Value, (Node | undefined)[]>();
  const read = (value: Value | undefined, by: Node | undefined) => {
    if (!value) return;
    const known = readers.get(value);
    if (known) known.push(by);
    else readers.set(value, [by]);
  };
  const visit = ({ nodes, outputs }: Graph) => {
    for (const node of nodes) {
      for (const input of node.inputs) read(input, node);
      for (const attribute of Object.values(node.attributes))
        if (attribute instanceof Graph) visit(attribute);
    }
    for (const { value } of outputs) read(value, undefined);
  };
  visit(graph);
  return readers;
}
