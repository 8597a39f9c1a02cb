import { z } from 'zod';
import type { Recipe } from '../graph-builder/recipe.ts';

// The one description of every setting: what `--set` and recipe files are checked against, and what docs/recipe.md
// lists. Its type is the graph builder's Recipe.

const rate = z.number().positive().max(1);
const beta = z.number().min(0).lt(1);
const range = z
  .tuple([z.number().min(-1).max(2), z.number().min(-1).max(2)])
  .refine(([low, high]) => low <= high, 'low must not exceed high');

const optimizer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('adam').describe('Adam with bias correction (Kingma & Ba 2014)'),
    learningRate: rate.describe('step size'),
    beta1: beta.describe('decay of the first moment'),
    beta2: beta.describe('decay of the second moment'),
    epsilon: z.number().positive().describe('added to the root of the second moment'),
  }),
  z.strictObject({
    kind: z.literal('sgd').describe('stochastic gradient descent'),
    learningRate: rate.describe('step size'),
    momentum: beta.describe('share of the last update that is kept'),
  }),
]);

const noise = z.strictObject({
  std: z.number().min(0).max(10).describe('standard deviation at step 0; 0 is off'),
  decay: z.enum(['linear', 'exponential', 'cosine']).describe('shape of the decay'),
  steps: z.number().int().min(1).describe('steps until it is gone (exponential: down to a hundredth)'),
});

const slope = z
  .number()
  .min(0)
  .lt(1)
  .describe('slope of LeakyReLU for negative inputs, in both networks; 0 is ReLU');
const zDim = z.number().int().min(1).max(4096).describe('extent of the latent z');

const network = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('dcgan').describe('convolutional networks for images (Radford et al. 2015)'),
    zDim,
    filters: z
      .number()
      .int()
      .min(1)
      .max(1024)
      .describe('channels next to the image; doubled at each halving'),
    upsampling: z
      .enum(['convTranspose', 'pixelShuffle', 'nearest'])
      .describe('how the generator doubles the resolution'),
    downsampling: z.enum(['stride', 'averagePool']).describe('how the discriminator halves it'),
    normalization: z.enum(['batch', 'instance', 'none']).describe('normalisation of the hidden layers'),
    slope,
    dropout: z.strictObject({
      rate: z
        .number()
        .min(0)
        .lt(1)
        .describe('share of zeroed elements, in training and in the export; 0 is off'),
      blocks: z.number().int().min(0).max(6).describe("number of the generator's first blocks that drop"),
    }),
  }),
  z.strictObject({
    kind: z.literal('mlp').describe('fully connected networks, for points and small images'),
    zDim,
    hidden: z.number().int().min(1).max(16384).describe('units of each hidden layer'),
    layers: z.number().int().min(1).max(32).describe('hidden layers of each network'),
    normalization: z.enum(['batch', 'none']).describe("normalisation of the generator's hidden layers"),
    slope,
  }),
]);

export const recipeSchema = z.strictObject({
  name: z.string().min(1).describe('preset it started from'),
  network,
  loss: z.enum(['non-saturating', 'saturating']).describe("generator's loss"),
  optimizer: z.strictObject({ generator: optimizer, discriminator: optimizer }),
  emaDecay: z
    .number()
    .min(0)
    .lt(1)
    .describe("decay of the average of the generator's weights that is exported; 0 is off"),
  batch: z.number().int().min(2).max(65536).describe('samples a step, as many real as fake'),
  techniques: z.strictObject({
    softLabels: z.strictObject({
      real: range.describe('range of the targets of real samples; [1, 1] is off'),
      fake: range.describe('range of the targets of fakes; [0, 0] is off'),
    }),
    instanceNoise: noise.describe("Gaussian noise on the discriminator's input"),
    layerNoise: noise.describe("Gaussian noise on the generator's hidden layers"),
  }),
}) satisfies z.ZodType<Recipe>;
