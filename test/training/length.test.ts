import { expect, test } from 'vitest';
import { lengthNotes } from '../../training/length.ts';
import { presets } from '../../training/presets.ts';
import { changeRecipe } from '../../training/recipe.ts';

const decaying = (decay: string) =>
  changeRecipe(presets.mlp!, [`techniques.rateDecay.decay=${decay}`, 'techniques.rateDecay.steps=100']);

test.each([
  ['cosine', 100, []],
  ['none', 50, []],
  [
    'cosine',
    50,
    [
      'ends after 50 of the 100 steps in which its learning rates decay; --set techniques.rateDecay.steps=50 lets them decay sooner',
    ],
  ],
  ['cosine', 101, ['the learning rates are 0 from step 100 on: nothing is learnt there']],
  // A hundredth of the rates is left there.
  ['exponential', 101, []],
])('%s over 100 steps, %i steps: %j', (decay, steps, notes) => {
  expect(lengthNotes({ recipe: decaying(decay), steps }, 0)).toEqual(notes);
});

test('a run that goes on is not told to change its recipe', () => {
  expect(lengthNotes({ recipe: decaying('linear'), steps: 50 }, 20)).toEqual([]);
});
