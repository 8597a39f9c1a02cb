import type { Recipe } from '../graph-builder/recipe.ts';
import { lossRange } from './monitor/loss-range.ts';

/** What one should know of a recipe whose loss threshold can never hold D back. */
export function thresholdNotes(recipe: Recipe): string[] {
  const { cap, discriminator } = recipe.techniques.lossThreshold;
  const range = lossRange(recipe);
  if (cap === 0 || !range || discriminator >= range.perfect) return [];
  const [least, guessing] = [range.perfect, range.blind].map((nats) => nats.toFixed(3));
  return [
    `techniques.lossThreshold.discriminator=${discriminator} never holds D back: with these labels its loss is at least ${least}, and ${guessing} where it guesses`,
  ];
}
