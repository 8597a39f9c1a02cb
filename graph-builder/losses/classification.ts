import type { Value } from '../graph.ts';
import { mul, neg } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { logSoftmax } from '../ops/normalization.ts';
import { reduceMean, reduceSum } from '../ops/reduction.ts';
import { fixed } from '../shape.ts';
import { tensor } from '../types.ts';

/** Mean cross-entropy of class logits [N, C] against labels int32 [N], through log-softmax. */
export function classCrossEntropy(logits: Value, labels: Value): Value {
  return neg(reduceMean(reduceSum(mul(logSoftmax(logits), oneHot(labels, fixed(logits.shape[1]))), [1])));
}

/** int32 [N] -> float32 [N, count], rows of the identity: ONNX's own OneHot has no WebGPU kernel. */
export function oneHot(labels: Value, count: number): Value {
  const identity = new Float32Array(count * count);
  for (let i = 0; i < count; i++) identity[i * count + i] = 1;
  return gather(labels.graph.constant(tensor('float32', identity, [count, count])), labels);
}
