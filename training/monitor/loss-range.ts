import type { AdversarialLossName } from '../../graph-builder/losses/adversarial.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { mean } from './block.ts';

/** Between which values D's loss moves, in nats. */
export interface LossRange {
  /** Of a D that knows real from fake. Not 0 with soft labels: nobody can foresee a target that is drawn anew. */
  readonly perfect: number;
  /** Of a D that gives every sample the same, best answer. */
  readonly blind: number;
  /** That answer: the probability of being real in which a D ends that G has truly fooled. */
  readonly blindProbability: number;
}

/** Losses whose D minimises binary cross-entropy. */
export const crossEntropies: readonly AdversarialLossName[] = ['non-saturating', 'saturating', 'kl'];

/**
 * Per side, D pays softplus(l) - t l with a target t that its logit l cannot depend on, so on average it pays
 * softplus(l) - E[t] l. The minimum over l is the entropy of E[t], at D = E[t]: 0.303 + 0.486 nats for targets around
 * 0.95 and 0.15 of which one in twenty is swapped. That one sample's target exceeds 1 does not matter as long as the
 * mean does not. What a class head adds to the loss has its floor at 0.
 *
 * @returns undefined for another loss, and where the mean target of a side is outside [0, 1]: no lower bound then
 */
export function lossRange({ loss, techniques: { softLabels } }: Recipe): LossRange | undefined {
  const [ownReal, ownFake] = [mean(softLabels.real), mean(softLabels.fake)];
  const real = ownReal + softLabels.swap * (ownFake - ownReal);
  const fake = ownFake + softLabels.swap * (ownReal - ownFake);
  if (!crossEntropies.includes(loss) || [real, fake].some((target) => target < 0 || target > 1))
    return undefined;
  const blindProbability = (real + fake) / 2;
  return { perfect: entropy(real) + entropy(fake), blind: 2 * entropy(blindProbability), blindProbability };
}

/** Entropy in nats of a yes with probability p; 0 log 0 = 0. */
const entropy = (p: number): number =>
  [p, 1 - p].reduce((sum, share) => sum - (share > 0 ? share * Math.log(share) : 0), 0);
