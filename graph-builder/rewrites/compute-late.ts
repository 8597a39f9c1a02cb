import { Graph } from '../graph.ts';
import type { Node } from '../graph.ts';
import { transform } from './transform.ts';

/**
 * Orders nodes by their depth, the longest path to them, so that onnxruntime computes each value as late as it can.
 *
 * onnxruntime runs a graph by a depth-first search from its results, and of a node's inputs first the one whose node
 * stands last in the file. By depth that is the input with the most work behind it; what can be had from values that
 * are there anyway, such as the slope of a LeakyReLU from its output, then waits until it is needed and takes no
 * memory before.
 */
export function computeLate(graph: Graph): Graph {
  return transform(graph, (_node, _inputs, { copy }) => copy(), byDepth);
}

function byDepth({ nodes }: Graph): readonly Node[] {
  const depths = new Map<Node, number>();
  let deepest = 0;
  for (const node of nodes) {
    // A subgraph may read any value before it.
    const hasSubgraph = Object.values(node.attributes).some((attribute) => attribute instanceof Graph);
    const before = node.inputs.map((input) => (input?.node && depths.get(input.node)) ?? 0);
    const depth = 1 + (hasSubgraph ? deepest : Math.max(0, ...before));
    deepest = Math.max(deepest, depth);
    depths.set(node, depth);
  }
  return [...nodes].sort((a, b) => depths.get(a)! - depths.get(b)!);
}
