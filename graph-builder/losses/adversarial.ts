import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { relu, softplus } from '../ops/activation.ts';
import { add, exp, mul, neg, sub } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduction.ts';
import { sameShape } from '../shape.ts';

/** The two sides of the game, on D's logits [N]; both results are scalars. */
export interface AdversarialLoss {
  /**
   * Both are given l(real) - l(fake) for the logits of real samples, and l(fake) - l(real) for those of fakes, sample by
   * sample of two batches of one size.
   */
  readonly isRelative?: true;
  /** Minimised by D: the mean of t real(l) + (1 - t) fake(l) over targets t, 1 for real and 0 for fake. */
  readonly discriminator: (logits: Value, targets: Value | 0 | 1) => Value;
  /** Minimised by G, on the logits of its fakes. */
  readonly generator: (logits: Value) => Value;
}

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
  checkTargets(logits, targets);
  return reduceMean(sub(softplus(logits), mul(targets, logits)));
}

function checkTargets(logits: Value, targets: Value): void {
  if (!sameShape(targets.shape, logits.shape))
    throw new GraphError(
      'binaryCrossEntropy',
      `targets must have the shape of the logits`,
      logits.graph.scopePath,
    );
}

/**
 * A game whose D minimises a mean over samples.
 *
 * @param real D's loss of a logit on a real sample @param fake on a fake @param generator G's on a fake
 */
function game(
  real: (l: Value) => Value,
  fake: (l: Value) => Value,
  generator: (l: Value) => Value,
): AdversarialLoss {
  return {
    discriminator: (logits, targets) => {
      if (targets === 1) return reduceMean(real(logits));
      if (targets === 0) return reduceMean(fake(logits));
      checkTargets(logits, targets);
      return reduceMean(add(fake(logits), mul(targets, sub(real(logits), fake(logits)))));
    },
    generator: (logits) => reduceMean(generator(logits)),
  };
}

/**
 * f-GAN (Nowozin, Cseke & Tomioka 2016): D's output v bounds a divergence from below through an activation g and
 * the conjugate f*. D minimises -g(v) on real and f*(g(v)) on fake; G minimises -g(v), the form of the paper's
 * section 3.2 whose gradient does not vanish.
 *
 * @param real -g(v) @param fake f*(g(v))
 */
const divergence = (real: (v: Value) => Value, fake: (v: Value) => Value) => game(real, fake, real);

const halfSquare = (x: Value) => mul(mul(x, x), 0.5);

export const adversarialLosses = {
  /** G maximises log D(G(z)): strong gradients while D wins (Goodfellow et al. 2014). */
  'non-saturating': { discriminator: binaryCrossEntropy, generator: (l) => binaryCrossEntropy(l, 1) },
  /** G minimises log(1 - D(G(z))), the minimax form: its gradient vanishes while D wins. For comparison. */
  saturating: { discriminator: binaryCrossEntropy, generator: (l) => neg(binaryCrossEntropy(l, 0)) },
  /**
   * G minimises -E[l(G(z))]. The logit of the optimal D is log p_data / q_G, so this is KL(q_G || p_data)
   * (Sonderby et al. 2016, eq. 10).
   */
  kl: { discriminator: binaryCrossEntropy, generator: (l) => neg(reduceMean(l)) },
  /**
   * D tells which of a real and a fake sample is the more real: softplus(l(fake) - l(real)) in pairs, and G the reverse
   * (RpGAN, Jolicoeur-Martineau 2019). G has to come close to all real samples, not only to where D is fooled; made for
   * a gradient penalty on both sides (Huang et al. 2024). Each side has half of D's loss.
   */
  relativistic: {
    isRelative: true,
    discriminator: (l, targets) => mul(binaryCrossEntropy(l, targets), 0.5),
    generator: (l) => binaryCrossEntropy(l, 1),
  },
  /** D wants logits beyond 1 and -1 and looks no further; G raises its own (Lim & Ye 2017). */
  hinge: game(
    (l) => relu(sub(1, l)),
    (l) => relu(add(l, 1)),
    neg,
  ),
  /** D and G minimise half the squared distance of logits to 1 for real, 0 for fake (LSGAN, Mao et al. 2017). */
  'least-squares': game(
    (l) => halfSquare(sub(l, 1)),
    halfSquare,
    (l) => halfSquare(sub(l, 1)),
  ),
  /**
   * D's mean logits of real samples above those of fakes, which is the distance of the two (Wasserstein-1) if D's slope is
   * 1 at most (Arjovsky et al. 2017): it needs the penalty that sees to it, `gradientPenalty.between`.
   */
  wasserstein: game(neg, (l) => l, neg),
  /** g(v) = v, f*(t) = e^(t - 1) */
  'f-kl': divergence(neg, (v) => exp(sub(v, 1))),
  /** g(v) = -e^(-v), f*(t) = -1 - log(-t) */
  'f-reverse-kl': divergence(
    (v) => exp(neg(v)),
    (v) => sub(v, 1),
  ),
  /** g(v) = log 2 - softplus(-v), f*(t) = -log(2 - e^t) */
  'f-jensen-shannon': divergence(
    (v) => sub(softplus(neg(v)), Math.LN2),
    (v) => sub(softplus(v), Math.LN2),
  ),
  /** g(v) = v, f*(t) = t^2 / 4 + t */
  'f-pearson': divergence(neg, (v) => add(mul(mul(v, v), 0.25), v)),
  /** g(v) = 1 - e^(-v), f*(t) = t / (1 - t) */
  'f-hellinger': divergence(
    (v) => sub(exp(neg(v)), 1),
    (v) => sub(exp(v), 1),
  ),
} as const satisfies Readonly<Record<string, AdversarialLoss>>;

export type AdversarialLossName = keyof typeof adversarialLosses;
