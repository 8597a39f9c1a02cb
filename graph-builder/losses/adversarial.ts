import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { mul, neg, sub } from '../ops/elementwise.ts';
import { softplus } from '../ops/activation.ts';
import { reduceMean } from '../ops/reduction.ts';
import { sameShape } from '../shape.ts';

/**
 * Binary cross-entropy on logits, mean over the batch, with targets that may be soft:
 * -t log s(l) - (1 - t) log(1 - s(l)) = softplus(l) - t l, which neither overflows nor takes the log of 0.
 * Unbounded below for a single sample where its target exceeds 1.
 *
 * @param logits any shape @param targets of that shape, or 0 or 1 for all
 */
export function binaryCrossEntropy(logits: Value, targets: Value | 0 | 1): Value {
  if (targets === 1) return reduceMean(softplus(neg(logits)));
  if (targets === 0) return reduceMean(softplus(logits));
  if (!sameShape(targets.shape, logits.shape))
    throw new GraphError(
      'binaryCrossEntropy',
      `targets must have the shape of the logits`,
      logits.graph.scopePath,
    );
  return reduceMean(sub(softplus(logits), mul(targets, logits)));
}

export const generatorLosses = {
  /** Maximise log D(G(z)): strong gradients while D wins (Goodfellow et al. 2014). */
  'non-saturating': (logits: Value): Value => binaryCrossEntropy(logits, 1),
  /** Minimise log(1 - D(G(z))), the minimax form: its gradient vanishes while D wins. For comparison. */
  saturating: (logits: Value): Value => neg(binaryCrossEntropy(logits, 0)),
} as const;

export type GeneratorLoss = keyof typeof generatorLosses;
