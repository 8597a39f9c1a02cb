import { add, mul } from '../ops/elementwise.ts';
import type { Technique } from './technique.ts';

/**
 * 6. Soft and noisy labels (Salimans et al. 2016): D's targets are drawn per sample, real from about [0.7, 1.2] and
 * fake from about [0, 0.3], so that D never becomes certain.
 *
 * Off: real [1, 1] and fake [0, 0]. One-sided smoothing, which keeps D's optimum in place: fake [0, 0] only.
 * The ranges are controls: they can change without a new graph.
 */
export const softLabels: Technique = {
  number: 6,
  name: 'soft-labels',
  hooks: ({ techniques: { softLabels: options } }) => {
    const off = { real: 1, fake: 0 };
    const isOff = (side: 'real' | 'fake') => options[side].every((bound) => bound === off[side]);
    if (isOff('real') && isOff('fake')) return undefined;
    return {
      controls: (['real', 'fake'] as const).flatMap((side) => [
        { name: `softLabels/${side}/low`, at: () => options[side][0] },
        { name: `softLabels/${side}/width`, at: () => options[side][1] - options[side][0] },
      ]),
      targets: (logits, side, { random, control }) =>
        add(
          mul(random.uniform(`soft-labels/${side}`, logits.shape), control(`softLabels/${side}/width`)),
          control(`softLabels/${side}/low`),
        ),
    };
  },
};
