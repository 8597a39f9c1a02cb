import type { Recipe } from '../graph-builder/recipe.ts';
import { lossRange } from './monitor/loss-range.ts';

/** What one should know of a recipe whose loss threshold can never hold D back, or never lets G learn. */
export function thresholdNotes(recipe: Recipe): string[] {
  const { cap } = recipe.techniques.lossThreshold;
  return cap === 0 ? [] : [...discriminatorNotes(recipe), ...generatorNotes(recipe)];
}

function generatorNotes({ loss, techniques: { lossThreshold } }: Recipe): string[] {
  const { cap, generator } = lossThreshold;
  // The mean of log(1 - D(G(z))), which is below 0 whatever D says.
  if (loss !== 'saturating' || generator < 0) return [];
  return [
    `techniques.lossThreshold.generator=${generator} holds G back in ${cap} of ${cap + 1} steps: the saturating loss is below 0 always, and log 0.5 = -0.693 where D guesses`,
  ];
}

function discriminatorNotes(recipe: Recipe): string[] {
  const { discriminator } = recipe.techniques.lossThreshold;
  const range = lossRange(recipe);
  if (!range || discriminator >= range.perfect) return [];
  const [least, guessing] = [range.perfect, range.blind].map((nats) => nats.toFixed(3));
  return [
    `techniques.lossThreshold.discriminator=${discriminator} never holds D back: with these labels its loss is at least ${least}, and ${guessing} where it guesses`,
  ];
}
