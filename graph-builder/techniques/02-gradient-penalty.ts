import { gradients } from '../autodiff.ts';
import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { add, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reduceMean, reduceSum, reduceSumSquare } from '../ops/reduction.ts';
import { detach, slice } from '../ops/movement.ts';
import type { RandomStreams } from '../random.ts';
import { fixed } from '../shape.ts';
import type { Judged, Side, StepContext, Technique } from './technique.ts';

export interface GradientPenaltyOptions {
  /** Gamma on real samples (R1), in the square of the data's units; 0 is off. */
  readonly real: number;
  /** Gamma on fakes (R2); 0 is off. */
  readonly fake: number;
  /** Lambda on mixtures of a real sample and a fake (WGAN-GP), for a slope of 1 instead of 0; 0 is off, 10 the paper's. */
  readonly between: number;
  /** Taken on 1 / shrink of each batch, rounded up, unless D mixes the samples of a batch; 1 is the whole of it. */
  readonly shrink: number;
}

export const gradientPenaltyOff: GradientPenaltyOptions = { real: 0, fake: 0, between: 0, shrink: 1 };

/**
 * 2. A gradient penalty in D's loss. Zero-centred: gamma / 2 x the mean of |d logit / d sample|^2 over what D sees, on
 * real samples (R1), on fakes (R2), or both. Without it the game need not settle where G has won (Mescheder, Geiger &
 * Nowozin 2018); with the relativistic loss both are needed (Huang et al. 2024). Or, for Wasserstein's distance, lambda x
 * the mean of (|d logit / d sample| - 1)^2 over random points between a real sample and a fake (Gulrajani et al. 2017).
 *
 * It is differentiated again when D learns, so a step of D costs about twice as much. On a part of the batch its
 * expectation is the same, it is noisier, and it costs that part and another pass of D on it (as Karras et al. 2020 take
 * their path length penalty). A D that mixes samples, by batch norm or minibatch discrimination, is another function of a
 * smaller batch: there it is taken on the whole. A sample has a part in the logits of all others there, and its slope is
 * that of the sum of all logits: |d (sum of logits) / d sample|^2. Points between would be a batch of their own to such a
 * D, and it has no slope of a sample that could be 1: that is refused.
 */
export const gradientPenalty: Technique = {
  number: 2,
  name: 'gradient-penalty',
  off: {
    'techniques.gradientPenalty.real': 0,
    'techniques.gradientPenalty.fake': 0,
    'techniques.gradientPenalty.between': 0,
  },
  hooks: ({ techniques: { gradientPenalty: options } }) => {
    const places = (['real', 'fake', 'between'] as const).filter((place) => options[place] > 0);
    if (!places.length) return undefined;
    return {
      controls: places.map((place) => ({ name: controlOf(place), at: () => options[place] })),
      smoothness: (judged, again, step) => {
        const taken = judgedAt(places, judged, again, options.shrink, step);
        // One pass back through D for all. Where it does not mix samples, a sum of logits keeps them apart.
        const slopes = gradients(
          sum(taken.map(({ logits }) => reduceSum(logits))),
          taken.map(({ seen }) => seen),
        );
        return sum(
          slopes.map((slope, i) => {
            const place = places[i]!;
            const weighed = (size: Value) => mul(size, step.control(controlOf(place)));
            return place === 'between'
              ? weighed(fromOne(slope))
              : mul(weighed(reduceSumSquare(slope)), 1 / (2 * fixed(slope.shape[0])));
          }),
        );
      },
    };
  },
};

type Place = Side | 'between';

/** What D says where its slope is taken, in the order of `places`. */
function judgedAt(
  places: readonly Place[],
  judged: Readonly<Record<Side, Judged>>,
  again: ((seen: readonly Value[]) => readonly Judged[]) | undefined,
  shrink: number,
  { random }: StepContext,
): readonly Judged[] {
  const sides = places.filter((place) => place !== 'between');
  const isBetween = sides.length < places.length;
  const whole = sides.map((side) => judged[side]);
  if (!again) {
    if (!isBetween) return whole;
    throw new GraphError(
      'gradient-penalty',
      'between: needs a discriminator that judges each sample by itself, which is not known of an imported one; in one of ganx set network.normalization to none or instance and techniques.minibatchDiscrimination.kernels to 0',
    );
  }
  const between = isBetween ? [pointsBetween(judged, shrink, random)] : [];
  if (shrink > 1) return again([...whole.map((one) => partOf(one, shrink)), ...between]);
  return isBetween ? [...whole, ...again(between)] : whole;
}

/** One a pair, anywhere on the line from the fake to the real sample. */
function pointsBetween(judged: Readonly<Record<Side, Judged>>, shrink: number, random: RandomStreams): Value {
  // Detached, or the slope at a real sample would be one of these as well.
  const [real, fake] = [detach(partOf(judged.real, shrink)), detach(partOf(judged.fake, shrink))];
  const share = random.uniform('gradient-penalty', [real.shape[0]!, ...real.shape.slice(1).map(() => 1)]);
  return add(fake, mul(share, sub(real, fake)));
}

/** The first samples of a batch, which are as random as any. */
const partOf = ({ seen }: Judged, shrink: number): Value =>
  shrink === 1 ? seen : slice(seen, { 0: [0, Math.ceil(fixed(seen.shape[0]) / shrink)] });

/** Mean of (|slope| - 1)^2 over the samples, with a root whose gradient is finite at 0. */
function fromOne(slope: Value): Value {
  const axes = slope.shape.map((_, axis) => axis).slice(1);
  const off = sub(sqrt(add(reduceSumSquare(slope, axes), 1e-12)), 1);
  return reduceMean(mul(off, off));
}

const controlOf = (place: Place) => `gradientPenalty/${place}`;
const sum = (terms: readonly Value[]) => terms.reduce((total, term) => add(total, term));
