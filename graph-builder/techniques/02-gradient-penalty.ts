import { gradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reduceSum, reduceSumSquare } from '../ops/reduction.ts';
import { fixed } from '../shape.ts';
import type { Technique } from './technique.ts';

export interface GradientPenaltyOptions {
  /** Weight on real samples (R1), in the square of the data's units; 0 is off. */
  readonly real: number;
  /** Weight on fakes (R2); 0 is off. */
  readonly fake: number;
}

export const gradientPenaltyOff: GradientPenaltyOptions = { real: 0, fake: 0 };

/**
 * 2. A zero-centred gradient penalty in D's loss: weight / 2 x the mean of |d logit / d sample|^2 over what D sees, on
 * real samples (R1), on fakes (R2), or both. Without it the game need not settle where G has won (Mescheder, Geiger &
 * Nowozin 2018); with both it covers modes that G otherwise forgets (Huang et al. 2024). It is differentiated again
 * when D learns, so a step of D costs about twice as much.
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
      smoothness: (judged, { control }) => {
        // One pass back through D for both sides. Where it does not mix samples, a sum of logits keeps them apart.
        const logits = sum(sides.map((side) => reduceSum(judged[side].logits)));
        const slopes = gradients(
          logits,
          sides.map((side) => judged[side].seen),
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

const controlOf = (side: 'real' | 'fake') => `gradientPenalty/${side}`;
const sum = (terms: readonly Value[]) => terms.reduce((total, term) => add(total, term));
