import { gradients } from '../autodiff.ts';
import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reduceSum, reduceSumSquare } from '../ops/reduction.ts';
import { slice } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import type { Judged, Side, Technique } from './technique.ts';

export interface GradientPenaltyOptions {
  /** Weight on real samples (R1), in the square of the data's units; 0 is off. */
  readonly real: number;
  /** Weight on fakes (R2); 0 is off. */
  readonly fake: number;
  /** Share of each batch on which it is taken, 1 / shrink; 1 is the whole of it. */
  readonly shrink: number;
}

export const gradientPenaltyOff: GradientPenaltyOptions = { real: 0, fake: 0, shrink: 1 };

/**
 * 2. A zero-centred gradient penalty in D's loss: weight / 2 x the mean of |d logit / d sample|^2 over what D sees, on
 * real samples (R1), on fakes (R2), or both. Without it the game need not settle where G has won (Mescheder, Geiger &
 * Nowozin 2018); with both it covers modes that G otherwise forgets (Huang et al. 2024). It is differentiated again
 * when D learns, so a step of D costs about twice as much. Taken on a part of the batch its expectation is the same, it
 * is noisier, and costs that part and another pass of D (as Karras et al. 2020 take their path length penalty).
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
      smoothness: (whole, again, { control }) => {
        const judged = options.shrink === 1 ? whole : again(partOf(whole, options.shrink));
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

/** The first samples of each batch, which are as random as any. */
function partOf(whole: Readonly<Record<Side, Judged>>, shrink: number): Record<Side, Value> {
  const part = ({ seen }: Judged) => slice(seen, { 0: [0, Math.ceil(fixed(seen.shape[0]) / shrink)] });
  return { real: part(whole.real), fake: part(whole.fake) };
}

const controlOf = (side: 'real' | 'fake') => `gradientPenalty/${side}`;
const sum = (terms: readonly Value[]) => terms.reduce((total, term) => add(total, term));
