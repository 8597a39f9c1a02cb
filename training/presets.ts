import type { Recipe } from '../graph-builder/recipe.ts';
import { techniquesOff } from '../graph-builder/techniques/index.ts';

/**
 * β1 is Radford's (2015), the rate twice his 2e-4: samples are better after 2,000 steps, the default length, and as good
 * after 8,000 (docs/techniques.md).
 */
const adam = { kind: 'adam', learningRate: 4e-4, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 } as const;
/** Radford's rate. */
const slowAdam = { ...adam, learningRate: 2e-4 } as const;
const sgd = { kind: 'sgd', learningRate: 0.01, momentum: 0 } as const;

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
  },
  loss: 'non-saturating',
  optimizer: { generator: adam, discriminator: adam },
  emaDecay: 0.999,
  batch: 64,
  accumulate: 1,
  precision: 'float32',
  techniques: {
    ...techniquesOff,
    softLabels: { real: [0.7, 1.2], fake: [0, 0.3], swap: 0.05 },
    replay: { size: 1024, probability: 0.02 },
    instanceNoise: { std: 0.1, decay: 'linear', steps: 2000 },
    layerNoise: { std: 0.05, decay: 'linear', steps: 2000 },
    dropout: { rate: 0.5, layers: 1 },
    // Off. Whoever turns it on: with these labels D's loss is 0.79 at least, and 1.38 where it guesses.
    lossThreshold: { ...techniquesOff.lossThreshold, discriminator: 1 },
  },
};

/** Class head on D, class-conditioned G: the recipe for labelled images. */
const acgan: Recipe = {
  ...dcgan,
  name: 'acgan',
  techniques: { ...dcgan.techniques, labels: { weight: 1, embedding: 'latent', width: 16 } },
};

/** With an encoder: samples, and reconstructs what it is shown. */
const vaegan: Recipe = {
  ...dcgan,
  name: 'vaegan',
  // Its weights below were found at this rate.
  optimizer: { generator: slowAdam, discriminator: slowAdam },
  // Every step has two batches of fakes and an encoder: a smaller batch keeps it cheap.
  batch: 32,
  techniques: {
    ...dcgan.techniques,
    replay: { ...dcgan.techniques.replay, probability: 0 },
    // A reconstruction that is half dropped teaches the encoder little.
    dropout: { rate: 0, layers: 0 },
    // G follows the reconstruction more than D, which otherwise wins before the encoder has learned anything; a strong
    // prior keeps what is encoded where samples are drawn.
    vae: { reconstruction: 3, prior: 4, layer: 1 },
  },
};

/** G minimises KL(q || p) through D's log-ratio, which must be an honest one: hard labels, and no fakes of past generators. */
const klgan: Recipe = {
  ...dcgan,
  name: 'klgan',
  loss: 'kl',
  techniques: {
    ...dcgan.techniques,
    softLabels: techniquesOff.softLabels,
    replay: techniquesOff.replay,
    lossThreshold: techniquesOff.lossThreshold,
  },
};

const swiftAdam = { ...adam, learningRate: 2e-3, beta2: 0.99 } as const;

/**
 * Fully connected networks: the default for 2-D points. Deep ones, for a sharp step from mode to mode, from as many
 * latents as a point has coordinates: more of them leave more samples between the modes. The penalty keeps every mode, and
 * high rates that decay make the modes narrow. Takes its 16,000 steps.
 */
const mlp: Recipe = {
  name: 'mlp',
  network: { kind: 'mlp', zDim: 2, hidden: 128, layers: 8, normalization: 'none', slope: 0.2 },
  loss: 'non-saturating',
  optimizer: { generator: swiftAdam, discriminator: swiftAdam },
  emaDecay: 0.999,
  batch: 512,
  accumulate: 1,
  precision: 'float32',
  techniques: {
    ...techniquesOff,
    gradientPenalty: { real: 0.03, fake: 0.03, between: 0, shrink: 4 },
    rateDecay: { decay: 'cosine', steps: 16_000 },
  },
};

/**
 * For networks from ONNX files: without the techniques that work on the layers inside of a network, and at a rate that
 * is easy on what they have learned.
 */
const finetune: Recipe = {
  ...dcgan,
  name: 'finetune',
  optimizer: { generator: slowAdam, discriminator: slowAdam },
  techniques: { ...dcgan.techniques, layerNoise: techniquesOff.layerNoise, dropout: techniquesOff.dropout },
};

export const presets: Readonly<Record<string, Recipe>> = { dcgan, acgan, vaegan, klgan, mlp, finetune };

/** What a part of a recipe starts from when it becomes one of another `kind`: one table for each family of kinds. */
export const kindDefaults: readonly Readonly<Record<string, Readonly<Record<string, string | number>>>>[] = [
  { adam, sgd },
  {
    dcgan: { ...dcgan.network },
    // It comes from a recipe for points; in others it is one for images.
    mlp: { ...mlp.network, zDim: dcgan.network.zDim },
    // The generator's file says what it is.
    imported: { kind: 'imported', zDim: dcgan.network.zDim },
  },
];
