import { gradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reduceSum, reduceSumSquare } from '../ops/reduction.ts';
import { slice } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import type { Judged, Technique } from './technique.ts';

export interface GradientPenaltyOptions {
  /** Gamma on real samples (R1), in the square of the data's units; 0 is off. */
  readonly real: number;
  /** Gamma on fakes (R2); 0 is off. */
  readonly fake: number;
  /** Taken on 1 / shrink of each batch, rounded up, unless D mixes the samples of a batch; 1 is the whole of it. */
  readonly shrink: number;
}

export const gradientPenaltyOff: GradientPenaltyOptions = { real: 0, fake: 0, shrink: 1 };

/**
 * 2. A zero-centred gradient penalty in D's loss: gamma / 2 x the mean of |d logit / d sample|^2 over what D sees, on
 * real samples (R1), on fakes (R2), or both. Without it the game need not settle where G has won (Mescheder, Geiger &
 * Nowozin 2018); with the relativistic loss both are needed (Huang et al. 2024). It is differentiated again
 * when D learns, so a step of D costs about twice as much. On a part of the batch its expectation is the same, it is
 * noisier, and it costs that part and another pass of D on it (as Karras et al. 2020 take their path length penalty).
 * A D that mixes samples, by batch norm or minibatch discrimination, is another function of a smaller batch: there it is
 * taken on the whole. A sample has a part in the logits of all others there, and its slope is that of the sum of all
 * logits: |d (sum of logits) / d sample|^2.
 */
export const gradientPenalty: Technique = {
  number: 2,
  name: 'gradient-penalty',
  off: { 'techniques.gradientPenalty.real': 0, 'techniques.gradientPenalty.fake': 0 },
  hooks: ({ techniques: { gradientPenalty: options } }) => {
    const sides = (['real', 'fake'] as const).filter((side) => options[side] > 0);
    if (!sides.length) return undefined;
    return {
      controls: sides.map((side) => ({ name: controlOf(side), at: () => options[side] })),
      smoothness: (judged, again, { control }) => {
        const whole = sides.map((side) => judged[side]);
        const taken =
          options.shrink > 1 && again ? again(whole.map((one) => partOf(one, options.shrink))) : whole;
        // One pass back through D for all. Where it does not mix samples, a sum of logits keeps them apart.
        const slopes = gradients(
          sum(taken.map(({ logits }) => reduceSum(logits))),
          taken.map(({ seen }) => seen),
        );
        return sum(
          slopes.map((slope, i) => {
            const perSample = 1 / (2 * fixed(slope.shape[0]));
            return mul(mul(reduceSumSquare(slope), control(controlOf(sides[i]!))), perSample);
          }),
        );
      },
    };
  },
};

/** The first samples of a batch, which are as random as any. */
const partOf = ({ seen }: Judged, shrink: number): Value =>
  slice(seen, { 0: [0, Math.ceil(fixed(seen.shape[0]) / shrink)] });

const controlOf = (side: 'real' | 'fake') => `gradientPenalty/${side}`;
const sum = (terms: readonly Value[]) => terms.reduce((total, term) => add(total, term));
