import { expect, test } from 'vitest';
import { gateNotes } from '../../training/gate-notes.ts';
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
  expect(gateNotes(low)).toEqual([
    'techniques.lossThreshold.discriminator=0.5 never holds D back: with these labels its loss is at least 0.789, and 1.376 where it guesses',
  ]);
});

test('a threshold that G never comes above is told', () => {
  const sets = ['loss=saturating', `${threshold}.cap=3`];
  expect(gateNotes(changeRecipe(presets.mlp!, sets))).toEqual([
    'techniques.lossThreshold.generator=0.5 holds G back in 3 of 4 steps: the saturating loss is below 0 always, and log 0.5 = -0.693 where D guesses',
  ]);
  expect(gateNotes(changeRecipe(presets.mlp!, [...sets, `${threshold}.generator=-1`]))).toEqual([]);
});

test.each(['relativistic', 'f-kl'])(
  'with the loss %s, for which defaults are not made, that is told',
  (loss) => {
    const sets = [`loss=${loss}`, `${threshold}.cap=3`, 'techniques.freezing.cap=3'];
    expect(gateNotes(changeRecipe(presets.dcgan!, sets))).toEqual(
      ['lossThreshold', 'freezing'].map(
        (name) =>
          `techniques.${name}: its defaults are for cross-entropies; with loss=${loss} take what D and G lose in a run without it, or one may learn only when the cap lets it`,
      ),
    );
  },
);

test.each([
  ['off', [`${threshold}.discriminator=0.5`]],
  ['one that D can come below', [`${threshold}.cap=3`]],
])('of %s there is nothing to tell', (_, settings) => {
  expect(gateNotes(changeRecipe(presets.dcgan!, settings))).toEqual([]);
});
