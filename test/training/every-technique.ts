import { buildProgram } from '../../graph-builder/program.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { techniquesOff } from '../../graph-builder/techniques/index.ts';
import { presets } from '../../training/presets.ts';

const { acgan } = presets as { readonly acgan: Recipe };
const withTechniques = (techniques: Partial<Recipe['techniques']>): Recipe => ({
  ...acgan,
  techniques: { ...acgan.techniques, ...techniques },
});

/** The presets, and what none of them has. */
export const everyTechnique: Readonly<Record<string, Recipe>> = {
  ...presets,
  'gradient penalty, several updates of D': withTechniques({
    gradientPenalty: { real: 1, fake: 1, between: 0, shrink: 1 },
    discriminatorSteps: 2,
  }),
  'wasserstein, penalty between': {
    ...withTechniques({ gradientPenalty: { real: 0, fake: 0, between: 10, shrink: 2 } }),
    network: { ...acgan.network, normalization: 'none' } as Recipe['network'],
    loss: 'wasserstein',
  },
  'snapshots, target networks, minibatch discrimination': withTechniques({
    snapshots: { count: 2, every: 4, steps: 2 },
    targetNetworks: { tau: 0.1, of: 'both' },
    minibatchDiscrimination: { ...techniquesOff.minibatchDiscrimination, kernels: 4, dimensions: 3 },
  }),
  augmentation: withTechniques({
    augmentation: { color: 1, translation: 0.125, cutout: 0.5, mirror: 0.5 },
  }),
  'loss threshold, historical averaging': withTechniques({
    lossThreshold: { ...techniquesOff.lossThreshold, cap: 3 },
    historicalAveraging: 0.1,
  }),
};

function smaller(network: Recipe['network']): Recipe['network'] {
  if (network.kind === 'mlp') return { ...network, hidden: 16 };
  return network.kind === 'dcgan' ? { ...network, filters: 4 } : network;
}

/** The program of a recipe with small networks, batches of 4 and little replay: on images of three classes, an MLP on points. */
export function smallProgram({ network, techniques, ...recipe }: Recipe): TrainingProgram {
  return buildProgram(
    {
      ...recipe,
      batch: 4,
      network: smaller(network),
      techniques: { ...techniques, replay: { ...techniques.replay, size: 8 } },
    },
    network.kind === 'mlp'
      ? { kind: 'points', shape: [2] }
      : { kind: 'images', shape: [1, 16, 16], classes: 3 },
  );
}
