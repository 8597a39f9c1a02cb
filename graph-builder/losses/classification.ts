import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { gatherElements } from '../ops/indexing.ts';
import { reshape } from '../ops/movement.ts';
import { logSoftmax } from '../ops/normalization.ts';
import { neg } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduction.ts';
import { formatShape } from '../shape.ts';

/**
 * Cross-entropy of class logits, mean over the batch in nats: -log softmax(l)[y] = logsumexp(l) - l[y], which neither
 * overflows nor takes the log of 0.
 *
 * @param logits float32 [N, classes] @param labels int32 [N], each in 0..classes-1
 */
export function softmaxCrossEntropy(logits: Value, labels: Value): Value {
  if (logits.rank !== 2 || labels.rank !== 1 || labels.shape[0] !== logits.shape[0])
    throw new GraphError(
      'softmaxCrossEntropy',
      `logits ${formatShape(logits.shape)} and labels ${formatShape(labels.shape)} must be [N, classes] and [N]`,
      logits.graph.scopePath,
    );
  return neg(reduceMean(gatherElements(logSoftmax(logits), reshape(labels, [labels.shape[0]!, 1]), 1)));
}
