import { expect, test } from 'vitest';
import { thresholdNotes } from '../../training/loss-threshold.ts';
import { lossRange } from '../../training/monitor/loss-range.ts';
import { presets } from '../../training/presets.ts';
import { changeRecipe } from '../../training/recipe.ts';

const threshold = 'techniques.lossThreshold';

test.each(Object.entries(presets))(
  'preset %s would hold back a D that is ahead, and none that guesses',
  (_, preset) => {
    const { perfect, blind } = lossRange(preset)!;
    const { discriminator } = preset.techniques.lossThreshold;
    expect(discriminator).toBeGreaterThan(perfect);
    expect(discriminator).toBeLessThan(blind);
  },
);

test('a threshold that D never comes below is told', () => {
  const low = changeRecipe(presets.dcgan!, [`${threshold}.cap=3`, `${threshold}.discriminator=0.5`]);
  expect(thresholdNotes(low)).toEqual([
    'techniques.lossThreshold.discriminator=0.5 never holds D back: with these labels its loss is at least 0.789, and 1.376 where it guesses',
  ]);
});

test.each([
  ['off', [`${threshold}.discriminator=0.5`]],
  ['one that D can come below', [`${threshold}.cap=3`]],
  ['a loss without a floor', [`${threshold}.cap=3`, `${threshold}.discriminator=0.5`, 'loss=f-kl']],
])('of %s there is nothing to tell', (_, settings) => {
  expect(thresholdNotes(changeRecipe(presets.dcgan!, settings))).toEqual([]);
});
