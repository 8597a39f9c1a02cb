import type { Value } from '../graph.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import type { Side, StepContext, Technique } from './technique.ts';

export interface SoftLabelOptions {
  /** Targets of D, drawn per sample from [low, high]; real [1, 1] and fake [0, 0] is off. */
  readonly real: readonly [number, number];
  readonly fake: readonly [number, number];
  /** Probability that a sample gets a target of the other side; 0 is off. */
  readonly swap: number;
}

export const softLabelsOff: SoftLabelOptions = { real: [1, 1], fake: [0, 0], swap: 0 };

const sides = ['real', 'fake'] as const;

/**
 * 6. Soft and noisy labels (Salimans et al. 2016): D's targets are drawn per sample, real from about [0.7, 1.2] and
 * fake from about [0, 0.3], so that D never becomes certain; and now and then real and fake are swapped, in D's step
 * only. One-sided smoothing, which keeps D's optimum in place: fake [0, 0].
 *
 * Ranges and probability are controls: they can change without a new graph.
 */
export const softLabels: Technique = {
  number: 6,
  name: 'soft-labels',
  off: { 'techniques.softLabels': softLabelsOff },
  hooks: ({ techniques: { softLabels: options } }) => {
    const isOff = sides.every((side) => options[side].every((bound) => bound === softLabelsOff[side][0]));
    if (isOff && options.swap === 0) return undefined;
    const swaps = options.swap > 0;
    return {
      controls: [
        ...sides.flatMap((side) => [
          { name: `softLabels/${side}/low`, at: () => options[side][0] },
          { name: `softLabels/${side}/width`, at: () => options[side][1] - options[side][0] },
        ]),
        ...(swaps ? [{ name: 'softLabels/swap', at: () => options.swap }] : []),
      ],
      targets: (logits, side, step) => {
        const drawn = step.random.uniform(`soft-labels/${side}`, logits.shape);
        const own = targetsOf(side, drawn, step);
        if (!swaps) return own;
        const other = targetsOf(side === 'real' ? 'fake' : 'real', drawn, step);
        const swapped = step.random.event(
          `soft-labels/${side}/swap`,
          logits.shape,
          step.control('softLabels/swap'),
        );
        return add(own, mul(swapped, sub(other, own)));
      },
    };
  },
};

/** Uniform numbers of (0, 1) as targets of a side. */
const targetsOf = (side: Side, drawn: Value, { control }: StepContext): Value =>
  add(mul(drawn, control(`softLabels/${side}/width`)), control(`softLabels/${side}/low`));
