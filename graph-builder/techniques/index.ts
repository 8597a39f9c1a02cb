import type { Recipe } from '../recipe.ts';
import { softLabels } from './06-soft-labels.ts';
import { instanceNoise, layerNoise } from './13-noise.ts';
import type { Technique, TechniqueHooks } from './technique.ts';

/** The techniques that enter through hooks, in the order in which they apply. */
export const techniques: readonly Technique[] = [softLabels, instanceNoise, layerNoise];

export function hooksOf(recipe: Recipe): TechniqueHooks[] {
  return techniques.map((technique) => technique.hooks(recipe)).filter((hooks) => hooks !== undefined);
}

/** Names of what a recipe trains with, for the metadata of the exported model. */
export function techniqueNames(recipe: Recipe): string[] {
  const { network, loss, optimizer } = recipe;
  const names = ['normalized-inputs', loss, 'spherical-z'];
  if (network.normalization !== 'none') names.push(`${network.normalization}-norm`);
  if (network.slope > 0) names.push('leaky-relu');
  names.push(`${optimizer.generator.kind}-generator`, `${optimizer.discriminator.kind}-discriminator`);
  if (network.kind === 'dcgan' && network.dropout.rate > 0 && network.dropout.blocks > 0)
    names.push('dropout');
  if (recipe.emaDecay > 0) names.push('ema');
  return [...names, ...techniques.filter((technique) => technique.hooks(recipe)).map(({ name }) => name)];
}
