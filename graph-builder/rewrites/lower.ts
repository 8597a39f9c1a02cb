import type { Graph } from '../graph.ts';
import type { Target } from '../ops/op.ts';
import { someNode, transform } from './transform.ts';

/** Replaces every operator that ONNX lacks by its form in ONNX operators for `target`. */
export function lower(graph: Graph, target: Target): Graph {
  if (!someNode(graph, ({ op }) => op.lower !== undefined)) return graph;
  return transform(
    graph,
    (node, inputs, { copy }) => node.op.lower?.(inputs as never, node.attributes, target) ?? copy(),
  );
}
