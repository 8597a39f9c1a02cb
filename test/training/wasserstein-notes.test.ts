import { expect, test } from 'vitest';
import { presets } from '../../training/presets.ts';
import { changeRecipe } from '../../training/recipe.ts';
import { wassersteinNotes } from '../../training/wasserstein-notes.ts';

const notesOf = (...settings: readonly string[]) => wassersteinNotes(changeRecipe(presets.dcgan!, settings));

const hard = ['techniques.softLabels.real=[1,1]', 'techniques.softLabels.fake=[0,0]'];
const penalty = 'techniques.gradientPenalty.between=10';
const unbounded =
  'loss=wasserstein: nothing bounds the slope of D, whose logits will grow without end; set techniques.gradientPenalty.between=10, which needs a discriminator of ganx without batch norm, or techniques.gradientPenalty.real=1';
const drifting =
  "loss=wasserstein: techniques.softLabels weigh real and fake differently, so that the level of D's logits will drift; set techniques.softLabels.real=[1,1] and techniques.softLabels.fake=[0,0]";

test.each([
  [[], []],
  [['loss=wasserstein'], [unbounded, drifting]],
  [['loss=wasserstein', penalty], [drifting]],
  [['loss=wasserstein', ...hard], [unbounded]],
  [['loss=wasserstein', ...hard, 'techniques.gradientPenalty.real=1'], []],
  [
    [
      'loss=wasserstein',
      penalty,
      'techniques.softLabels.real=[0.8,0.9]',
      'techniques.softLabels.fake=[0.1,0.2]',
    ],
    [],
  ],
])('of %j is told what D lacks', (settings, expected) => {
  expect(notesOf(...settings)).toEqual(expected);
});
