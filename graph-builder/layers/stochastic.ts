import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { Pass } from './pass.ts';

/**
 * Zeroes elements with probability `rate` and scales the others by 1 / (1 - rate) (Srivastava et al. 2014).
 *
 * On in training and at inference alike, but in a pass that is to be deterministic. Composed of plain
 * operators because onnxruntime's optimiser silently removes ONNX's Dropout.
 *
 * @param rate in [0, 1); 0 adds nothing to the graph
 */
export function dropout(pass: Pass, name: string, x: Value, rate: number): Value {
  if (rate === 0) return x;
  if (!(rate > 0 && rate < 1))
    throw new GraphError('dropout', `rate ${rate} must be in [0, 1)`, pass.graph.scopePath);
  if (pass.deterministic) return x;
  return pass.scope(name, () => {
    const mask = pass.random.mask(pass.stream('mask'), x.shape, 1 - rate);
    return mul(x, mul(mask, 1 / (1 - rate)));
  });
}

/** Adds N(0, std^2) to every element; `std` is a scalar value, so that it can decay without a new graph. */
export function gaussianNoise(pass: Pass, name: string, x: Value, std: Value): Value {
  if (pass.deterministic) return x;
  return pass.scope(name, () => add(x, mul(pass.random.normal(pass.stream('noise'), x.shape), std)));
}
