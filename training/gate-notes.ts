import type { Recipe } from '../graph-builder/recipe.ts';
import { crossEntropies, lossRange } from './monitor/loss-range.ts';

/** What one should know of a recipe that holds networks back by losses which its game does not have. */
export function gateNotes(recipe: Recipe): string[] {
  const { loss, techniques } = recipe;
  const on = (['lossThreshold', 'freezing'] as const).filter((name) => techniques[name].cap > 0);
  if (!crossEntropies.includes(loss))
    return on.map(
      (name) =>
        `techniques.${name}: its defaults are for cross-entropies; with loss=${loss} take what D and G lose in a run without it, or one may learn only when the cap lets it`,
    );
  return on.includes('lossThreshold') ? [...discriminatorNotes(recipe), ...generatorNotes(recipe)] : [];
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
