import type { Recipe } from '../graph-builder/recipe.ts';
import { mean } from './monitor/block.ts';

/** What one should know of a recipe whose D has no bound that the loss `wasserstein` needs. */
export function wassersteinNotes({ loss, techniques: { gradientPenalty, softLabels } }: Recipe): string[] {
  if (loss !== 'wasserstein') return [];
  const notes: string[] = [];
  const { real, fake, between } = gradientPenalty;
  if (real === 0 && fake === 0 && between === 0)
    notes.push(
      'loss=wasserstein: nothing bounds the slope of D, whose logits will grow without end; set techniques.gradientPenalty.between=10, which needs a discriminator of ganx without batch norm, or techniques.gradientPenalty.real=1',
    );
  // What D would gain by raising or lowering all logits at once, real and fake. Swapping changes nothing of it.
  if (Math.abs(mean(softLabels.real) + mean(softLabels.fake) - 1) > 1e-6)
    notes.push(
      "loss=wasserstein: techniques.softLabels weigh real and fake differently, so that the level of D's logits will drift; set techniques.softLabels.real=[1,1] and techniques.softLabels.fake=[0,0]",
    );
  return notes;
}
