import { Graph } from '../graph.ts';
import type { Node, Value } from '../graph.ts';
import { someNode, transform } from './transform.ts';

/** Drops every node that no output depends on. Inputs stay: they are the graph's signature. */
export function removeDead(graph: Graph): Graph {
  const needed = new Set<Value>();
  mark(graph, needed);
  if (!someNode(graph, (node) => !isNeeded(node, needed))) return graph;
  return transform(graph, (node, _inputs, { copy }) =>
    // A dead node's outputs are never read again, so the old values may stand in for them.
    isNeeded(node, needed) ? copy() : node.outputs,
  );
}

function isNeeded(node: Node, needed: ReadonlySet<Value>): boolean {
  return node.outputs.some((output) => needed.has(output));
}

function mark(graph: Graph, needed: Set<Value>): void {
  for (const { value } of graph.outputs) needed.add(value);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (!isNeeded(node, needed)) continue;
    for (const input of node.inputs) if (input) needed.add(input);
    // A subgraph reads values of the graphs around it.
    for (const attribute of Object.values(node.attributes))
      if (attribute instanceof Graph) mark(attribute, needed);
  }
}
