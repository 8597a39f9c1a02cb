import type { Graph } from '../graph.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { BatchNormalization } from '../ops/normalization.ts';
import type { EpsilonAttributes } from '../ops/normalization.ts';
import { transform } from './transform.ts';

/** Batch norm by running statistics as a scale and a shift of each channel: elementwise, in any layout. */
export function normsAsScales(graph: Graph): Graph {
  return transform(graph, (node, inputs, { copy }) => {
    const [x, scale, bias, mean, variance] = inputs;
    if (node.op.type !== BatchNormalization.type || !x || !scale || !bias || !mean || !variance)
      return copy();
    const { epsilon } = node.attributes as unknown as EpsilonAttributes;
    const perChannel = x.shape.map((_, axis) => (axis === 1 ? scale.shape[0]! : 1));
    const factor = div(scale, sqrt(add(variance, epsilon)));
    const shift = sub(bias, mul(mean, factor));
    return [add(mul(x, reshape(factor, perChannel)), reshape(shift, perChannel))];
  });
}
