import type { Recipe } from '../graph-builder/recipe.ts';

const adam = { kind: 'adam', learningRate: 2e-4, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 } as const;

/** DCGAN with the stabilising techniques on: the default for images. */
const dcgan: Recipe = {
  name: 'dcgan',
  network: {
    kind: 'dcgan',
    zDim: 100,
    filters: 32,
    upsampling: 'convTranspose',
    downsampling: 'stride',
    normalization: 'batch',
    slope: 0.2,
    dropout: { rate: 0.5, blocks: 1 },
  },
  loss: 'non-saturating',
  optimizer: { generator: adam, discriminator: adam },
  emaDecay: 0.999,
  batch: 64,
  techniques: {
    softLabels: { real: [0.7, 1.2], fake: [0, 0.3] },
    instanceNoise: { std: 0.1, decay: 'linear', steps: 2000 },
    layerNoise: { std: 0.05, decay: 'linear', steps: 2000 },
  },
};

/** Fully connected networks: the default for 2-D points, and the fastest start on small images. */
const mlp: Recipe = {
  name: 'mlp',
  network: { kind: 'mlp', zDim: 64, hidden: 256, layers: 3, normalization: 'batch', slope: 0.2 },
  loss: 'non-saturating',
  optimizer: { generator: adam, discriminator: adam },
  emaDecay: 0.999,
  batch: 128,
  techniques: {
    softLabels: { real: [1, 1], fake: [0, 0] },
    instanceNoise: { std: 0.1, decay: 'linear', steps: 10000 },
    layerNoise: { std: 0, decay: 'linear', steps: 10000 },
  },
};

export const presets: Readonly<Record<string, Recipe>> = { dcgan, mlp };
