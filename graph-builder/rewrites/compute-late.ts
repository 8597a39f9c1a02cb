import { Graph } from '../graph.ts';
import type { Node, Value } from '../graph.ts';
import { transform } from './transform.ts';

/**
 * Orders nodes so that onnxruntime, which goes by a search of its own, holds as little as it can at any time.
 *
 * It runs a graph by a depth-first search from the results, beginning with the node that stands last in the file, and
 * of a node's inputs computes first the one that stands last. So the file is what the same search leaves behind when it
 * takes everything the other way round. First comes the last result, which of a training step is its telemetry, and of
 * the inputs of a node
 * - the one with the most work behind it: what can be had from values that are there anyway, such as the slope of a
 *   LeakyReLU from its output, waits until it is needed and takes no memory before;
 * - but towards a scalar or a vector the one with the least: the norm of the gradients then takes each of them as soon
 *   as the backward pass is there, and the layers behind it are free, while the updates wait.
 */
export function computeLate(graph: Graph): Graph {
  return transform(graph, (_node, _inputs, { copy }) => copy(), lateOrder);
}

function lateOrder(graph: Graph): readonly Node[] {
  const depths = new Map<Node, number>();
  const sources = new Map<Node, readonly Node[]>();
  for (const node of graph.nodes) {
    const before = [...new Set(readBy(node))].flatMap((value) =>
      value.graph === graph ? (value.node ?? []) : [],
    );
    sources.set(node, before);
    depths.set(node, 1 + Math.max(0, ...before.map((source) => depths.get(source)!)));
  }
  /** The one to be computed first comes last. */
  const sorted = (node: Node) => {
    const sign = node.outputs.every(({ rank }) => rank < 2) ? -1 : 1;
    return [...sources.get(node)!].sort((a, b) => sign * (depths.get(a)! - depths.get(b)!));
  };

  const order = new Set<Node>();
  const open = new Set<Node>();
  // What is to be visited, the next one last.
  const waiting = graph.outputs.flatMap(({ value }) => value.node ?? []).reverse();
  while (waiting.length) {
    const node = waiting.at(-1)!;
    if (order.has(node)) waiting.pop();
    else if (open.has(node)) order.add(node);
    else {
      open.add(node);
      waiting.push(...sorted(node).reverse());
    }
  }
  return [...order];
}

/** What a node takes, and what its subgraphs take from the graphs around them. */
function readBy({ inputs, attributes }: Node): Value[] {
  const bodies = Object.values(attributes).filter((attribute) => attribute instanceof Graph);
  return [
    ...inputs.flatMap((input) => input ?? []),
    ...bodies.flatMap(({ nodes, outputs }) => [
      ...nodes.flatMap(readBy),
      ...outputs.map(({ value }) => value),
    ]),
  ];
}
