import { GraphError } from '../errors.ts';
import type { GivenNetworks } from '../networks/network.ts';
import type { Recipe, SampleSpec, TechniqueOptions } from '../recipe.ts';
import { normalizedInputs } from './01-normalized-inputs.ts';
import { modifiedLoss } from './02-modified-loss.ts';
import { gradientPenalty, gradientPenaltyOff } from './02-gradient-penalty.ts';
import { sphericalLatent } from './03-latent.ts';
import { normalizedLayers } from './04-normalization.ts';
import { separateBatches } from './04-separate-batches.ts';
import { noSparseGradients } from './05-no-sparse-gradients.ts';
import { softLabels, softLabelsOff } from './06-soft-labels.ts';
import { vae, vaeOff } from './07-vae.ts';
import { freezing, freezingOff } from './08-freezing.ts';
import { historicalAveraging } from './08-historical-averaging.ts';
import { minibatchDiscrimination, minibatchDiscriminationOff } from './08-minibatch-discrimination.ts';
import { replay, replayOff } from './08-replay.ts';
import { snapshots, snapshotsOff } from './08-snapshots.ts';
import { targetNetworks, targetNetworksOff } from './08-target-networks.ts';
import { adamOptimizer } from './09-adam.ts';
import { rateDecay, rateDecayOff } from './09-rate-decay.ts';
import { discriminatorSteps } from './11-discriminator-steps.ts';
import { lossThreshold, lossThresholdOff } from './11-loss-threshold.ts';
import { labels, labelsOff } from './12-labels.ts';
import { augmentation, augmentationOff } from './13-augmentation.ts';
import { instanceNoise, layerNoise, noiseOff } from './13-noise.ts';
import { dropout, dropoutOff } from './14-dropout.ts';
import type { Technique, TechniqueHooks } from './technique.ts';

/** All techniques of the graph, in the order in which they apply; 10 watches from outside (`training/monitor`). */
export const techniques: readonly Technique[] = [
  normalizedInputs,
  modifiedLoss,
  gradientPenalty,
  sphericalLatent,
  separateBatches,
  normalizedLayers,
  noSparseGradients,
  softLabels,
  vae,
  targetNetworks,
  snapshots,
  replay,
  freezing,
  historicalAveraging,
  minibatchDiscrimination,
  adamOptimizer,
  rateDecay,
  lossThreshold,
  discriminatorSteps,
  labels,
  dropout,
  augmentation,
  instanceNoise,
  layerNoise,
];

/** Options that leave every technique that has some off. */
export const techniquesOff: TechniqueOptions = {
  latent: 'normal',
  batches: 'separate',
  gradientPenalty: gradientPenaltyOff,
  softLabels: softLabelsOff,
  vae: vaeOff,
  replay: replayOff,
  snapshots: snapshotsOff,
  targetNetworks: targetNetworksOff,
  freezing: freezingOff,
  historicalAveraging: 0,
  minibatchDiscrimination: minibatchDiscriminationOff,
  rateDecay: rateDecayOff,
  lossThreshold: lossThresholdOff,
  discriminatorSteps: 1,
  labels: labelsOff,
  augmentation: augmentationOff,
  instanceNoise: noiseOff,
  layerNoise: noiseOff,
  dropout: dropoutOff,
};

export function hooksOf(
  recipe: Recipe,
  sample: SampleSpec,
  known: readonly Technique[] = techniques,
): TechniqueHooks[] {
  return known
    .map((technique) => {
      const hooks = technique.hooks(recipe, sample);
      const { name, samples = sample.kind } = technique;
      if (hooks && samples !== sample.kind)
        throw new GraphError(
          name,
          `is for ${samples}, and these are ${sample.kind}; turn it off with ${switchedOff(technique)}`,
        );
      return hooks;
    })
    .filter((hooks) => hooks !== undefined);
}

/** Hooks that reach into the layers of a network. */
const inside = {
  generator: ['generatorInput', 'generatorMap', 'generatorLayer'],
  discriminator: ['features', 'heads', 'hybrid'],
} as const satisfies Record<keyof GivenNetworks, readonly (keyof TechniqueHooks)[]>;

/** Refuses a technique that works on the layers of a network where that comes from elsewhere and does not offer them. */
export function refuseInside(
  recipe: Recipe,
  sample: SampleSpec,
  given: GivenNetworks,
  known: readonly Technique[],
): void {
  for (const technique of known) {
    const on = technique.hooks(recipe, sample);
    for (const network of ['generator', 'discriminator'] as const) {
      if (!on || !given[network] || !inside[network].some((hook) => on[hook])) continue;
      throw new GraphError(
        technique.name,
        `works on the layers of the ${network}, and this one is imported; turn it off with ${switchedOff(technique)}`,
      );
    }
  }
}

const switchedOff = ({ off }: Technique) =>
  Object.entries(off)
    .map(([path, value]) => `--set ${path}=${JSON.stringify(value)}`)
    .join(' ');

/** Names of what a recipe trains with, for the metadata of the exported model. */
export function techniqueNames(recipe: Recipe, sample: SampleSpec): string[] {
  const on = techniques.filter((technique) => technique.hooks(recipe, sample));
  const names = on.flatMap((technique) => technique.variants?.(recipe) ?? [technique.name]);
  return recipe.emaDecay > 0 ? [...names, 'ema'] : names;
}
