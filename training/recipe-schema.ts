import { z } from 'zod';
import type { AdversarialLossName } from '../graph-builder/losses/adversarial.ts';
import { adversarialLosses } from '../graph-builder/losses/adversarial.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import { minibatchDiscriminationOff } from '../graph-builder/techniques/08-minibatch-discrimination.ts';
import { augmentationOff } from '../graph-builder/techniques/13-augmentation.ts';
import { limits } from './options.ts';

// The one description of every setting: what `--set` and recipe files are checked against, and what docs/recipes.md
// lists. Its type is the graph builder's Recipe. An option that is newer than the first recipes may be absent, and then
// has the value that trains as before there was the option.

const number = (what: string, fits: (value: number) => boolean) =>
  z.custom<number>((value) => Number.isFinite(value) && fits(value as number), `expected ${what}`);
const integer = (least: number, most: number) =>
  number(
    `an integer from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );
const between = (least: number, most: number) =>
  number(`a number from ${least} to ${most}`, (value) => value >= least && value <= most);
const anyNumber = number('a number', () => true);
/** Graphs compute in float32, where smaller numbers are 0. */
const positive = number('a number > 0 that float32 can hold', (value) => {
  const held = Math.fround(value);
  return held > 0 && Number.isFinite(held);
});

const rate = number(
  'a number > 0 that float32 can hold, at most 1',
  (value) => Math.fround(value) > 0 && value <= 1,
);
const fraction = number('a number >= 0, below 1', (value) => value >= 0 && value < 1);
const range = z
  .tuple([between(-1, 2), between(-1, 2)], 'expected a list of two numbers')
  .refine(([low, high]) => low <= high, 'low must not exceed high');

const optimizer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('adam').describe('Adam with bias correction (Kingma & Ba 2014)'),
    learningRate: rate.describe('step size'),
    beta1: fraction.describe('decay of the first moment'),
    beta2: fraction.describe('decay of the second moment'),
    epsilon: positive.describe('added to the root of the second moment'),
  }),
  z.strictObject({
    kind: z.literal('sgd').describe('stochastic gradient descent'),
    learningRate: rate.describe('step size'),
    momentum: fraction.describe('share of the last update that is kept'),
  }),
]);

const probability = between(0, 1);
const weight = between(0, 1e6);
const count = integer(1, 1_000_000_000);
const cap = integer(0, 1_000_000);

const noise = (what: string) =>
  z.strictObject({
    std: between(0, 10).describe(`${what}: standard deviation at step 0; 0 is off`),
    decay: z.enum(['linear', 'exponential', 'cosine']).describe('shape of the decay'),
    steps: count.describe('steps until it is gone (exponential: down to a hundredth)'),
  });

const slope = fraction.describe('slope of LeakyReLU for negative inputs, in both networks; 0 is ReLU');
const zDim = integer(1, 4096).describe('extent of the latent z');

const network = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('dcgan').describe('convolutional networks for images (Radford et al. 2015)'),
    zDim,
    filters: integer(1, 1024).describe('channels next to the image; doubled at each halving'),
    upsampling: z
      .enum(['convTranspose', 'pixelShuffle', 'nearest'])
      .describe('how the generator doubles the resolution'),
    downsampling: z.enum(['stride', 'averagePool']).describe('how the discriminator halves it'),
    normalization: z.enum(['batch', 'instance', 'none']).describe('normalisation of the hidden layers'),
    slope,
  }),
  z.strictObject({
    kind: z.literal('mlp').describe('fully connected networks, for points and small images'),
    zDim,
    hidden: integer(1, 16384).describe('units of each hidden layer'),
    layers: integer(1, 32).describe('hidden layers of each network'),
    normalization: z.enum(['batch', 'none']).describe("normalisation of the generator's hidden layers"),
    slope,
  }),
  z.strictObject({
    kind: z.literal('imported').describe('both networks from ONNX files: --generator and --discriminator'),
    zDim,
  }),
]);

export const recipeSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u,
      'expected 1 to 64 letters, digits, spaces, ".", "_" or "-"',
    )
    .describe('preset it started from, or a name of your own'),
  network,
  loss: z
    .enum(Object.keys(adversarialLosses) as AdversarialLossName[])
    .describe(
      'the game: cross-entropy with three losses of the generator (kl: the KL divergence of G from the data), relativistic pairs (RpGAN), hinge, least squares (LSGAN), Wasserstein (WGAN), and divergences of f-GAN (f-kl: of the data from G)',
    ),
  optimizer: z.strictObject({ generator: optimizer, discriminator: optimizer }),
  emaDecay: fraction.describe("decay of the average of the generator's weights that is exported; 0 is off"),
  batch: integer(...limits.batch).describe('samples worked on together, as many real as fake'),
  accumulate: integer(1, 16)
    .default(1)
    .describe('batches whose mean gradient an update follows, as one larger batch in less memory; 1 is off'),
  precision: z
    .enum(['float32', 'mixed'])
    .default('float32')
    .describe('mixed: layers in float16 on CUDA, with scaled losses; other devices compute in float32'),
  techniques: z.strictObject({
    latent: z.enum(['normal', 'uniform']).describe('3: distribution of the latent z; uniform is U(-1, 1)'),
    batches: z
      .enum(['separate', 'mixed'])
      .describe('4: real and fake in batches of their own, or in one (for comparison)'),
    gradientPenalty: z.strictObject({
      real: weight.describe(
        "2: gamma of the penalty gamma/2 |grad D|^2 at real samples (R1) in D's loss; 0 is off",
      ),
      fake: weight.describe('2: the same at fakes (R2); 0 is off'),
      between: weight
        .default(0)
        .describe(
          '2: lambda of the penalty lambda (|grad D| - 1)^2 between real samples and fakes (WGAN-GP); 0 is off',
        ),
      shrink: integer(1, 1024)
        .default(1)
        .describe(
          '2: the slopes are taken on 1 / shrink of each batch, rounded up, unless D mixes its samples (batch norm)',
        ),
    }),
    softLabels: z.strictObject({
      real: range.describe('6: range of the targets of real samples; [1, 1] is off'),
      fake: range.describe('6: range of the targets of fakes; [0, 0] is off'),
      swap: probability.describe('6: probability that a sample gets a target of the other side; 0 is off'),
    }),
    vae: z.strictObject({
      reconstruction: weight.describe(
        "7: weight of an encoder's reconstruction in the generator's loss; 0 is off",
      ),
      prior: weight.describe("7: weight of the prior in the encoder's loss"),
      layer: integer(0, 5).describe('7: hidden layer of the discriminator that is compared'),
    }),
    replay: z.strictObject({
      size: integer(2, 1_000_000).describe('8: past fakes that are kept'),
      probability: probability.describe('8: probability that the discriminator sees a past fake; 0 is off'),
    }),
    snapshots: z.strictObject({
      count: integer(0, 100).describe('8: past states of both networks that are kept; 0 is off'),
      every: count.describe('8: steps between two snapshots'),
      steps: count.describe('8: steps after each in which a past opponent stands in; fewer than every'),
    }),
    targetNetworks: z.strictObject({
      tau: probability.describe(
        '8: share of the live weights that a target network takes over in a step; 0 is off',
      ),
      of: z.enum(['generator', 'discriminator', 'both']).describe('8: networks that have a target'),
    }),
    freezing: z.strictObject({
      equilibrium: anyNumber.describe("8: the discriminator's loss on a side when the two are even"),
      margin: number('a number >= 0', (value) => value >= 0).describe(
        '8: how far off that freezes the one that leads',
      ),
      cap: cap.describe('8: most updates in a row that are frozen; 0 is off'),
    }),
    historicalAveraging: weight.describe('8: weight of the pull towards the mean of past weights; 0 is off'),
    minibatchDiscrimination: z
      .strictObject({
        kernels: integer(0, 1024).describe('8: features that compare a sample with its batch; 0 is off'),
        dimensions: integer(1, 64).describe('8: extent of the space of each comparison'),
        group: integer(2, limits.batch[1])
          .optional()
          .describe(
            '8: samples compared with each other; a larger batch falls into groups of at least so many',
          ),
      })
      // Before there were groups, all samples of a batch were compared.
      .transform(({ group, ...options }) => ({
        ...options,
        group: group ?? (options.kernels > 0 ? limits.batch[1] : minibatchDiscriminationOff.group),
      })),
    rateDecay: z.strictObject({
      decay: z
        .enum(['none', 'linear', 'exponential', 'cosine'])
        .describe('9: decay of the learning rates; none is off'),
      steps: count.describe('9: steps until they are 0 (exponential: a hundredth)'),
    }),
    lossThreshold: z.strictObject({
      discriminator: anyNumber.describe('11: the discriminator learns while its loss is above this'),
      generator: anyNumber.describe(
        '11: the generator learns while its adversarial loss, without class and reconstruction losses, is above this',
      ),
      cap: cap.describe('11: most updates in a row that are skipped; 0 is off'),
    }),
    discriminatorSteps: integer(1, 64).describe(
      '11: updates of the discriminator for one of the generator; 1 is off',
    ),
    labels: z.strictObject({
      weight: weight.describe('12: weight of the class losses; 0 is off'),
      embedding: z
        .enum(['latent', 'channels'])
        .describe('12: where the class enters the generator: beside z, or as maps'),
      width: integer(1, 1024).describe('12: extent of the vector of a class, or its maps'),
    }),
    augmentation: z
      .strictObject({
        color: between(0, 1).describe(
          "13: how far brightness, saturation and contrast of what the discriminator sees are changed; 0 is off, 1 DiffAugment's",
        ),
        translation: between(0, 1).describe('13: longest shift of it, as a share of the side; 0 is off'),
        cutout: between(0, 1).describe(
          '13: side of a square of it that is blanked, as a share of the side; 0 is off',
        ),
        mirror: probability.describe('13: probability that left and right of it change places; 0 is off'),
      })
      .default(augmentationOff),
    instanceNoise: noise('13: noise on what the discriminator sees'),
    layerNoise: noise("13: noise on the generator's hidden layers"),
    dropout: z.strictObject({
      rate: fraction.describe('14: share of zeroed elements, in training and in the export; 0 is off'),
      layers: integer(0, 32).describe("14: number of the generator's first layers that drop"),
    }),
  }),
}) satisfies z.ZodType<Recipe>;
