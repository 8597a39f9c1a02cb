import { emit } from '../../graph-builder/graph.ts';
import type { Graph, Value } from '../../graph-builder/graph.ts';
import { Cast, cast } from '../../graph-builder/ops/elementwise.ts';
import { someNode, transform } from '../../graph-builder/rewrites/transform.ts';

const isHalf = (value: Value | undefined): value is Value => value?.dtype === 'float16';
const rounded = (value: Value): Value => cast(cast(value, 'float16'), 'float32');

/**
 * A compiled graph in which every float16 is a float32 that is rounded to one, as a GPU computes it: added up in
 * float32, stored as halves. onnxruntime's CPU provider, left to itself, drops the halves between two operators that it
 * has in float32 only, and with them their rounding and their overflows.
 */
export function halvesOnCpu(graph: Graph): Graph {
  if (!someNode(graph, ({ inputs, outputs }) => [...inputs, ...outputs].some(isHalf))) return graph;
  return transform(graph, ({ op, attributes, inputs: before, outputs: after }, inputs, { copy }) => {
    if (![...before, ...after].some(isHalf)) return copy();
    // Constants come as they were, everything computed as what stands for it here.
    const operands = inputs.map((input) => (isHalf(input) ? cast(input, 'float32') : input));
    if (op.type === Cast.type) {
      const [x] = operands;
      return [isHalf(after[0]) ? rounded(cast(x!, 'float32')) : cast(x!, after[0]!.dtype)];
    }
    return emit(op, operands, attributes).map((output, i) => (isHalf(after[i]) ? rounded(output) : output));
  });
}
