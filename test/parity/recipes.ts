import { uniforms } from '../../graph-builder/hash.ts';
import type {
  DcganRecipe,
  MlpRecipe,
  OptimizerRecipe,
  Recipe,
  SampleSpec,
} from '../../graph-builder/recipe.ts';
import { techniquesOff } from '../../graph-builder/techniques/index.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';

export const adam: OptimizerRecipe = {
  kind: 'adam',
  learningRate: 2e-4,
  beta1: 0.5,
  beta2: 0.999,
  epsilon: 1e-8,
};

export const dcgan: DcganRecipe = {
  kind: 'dcgan',
  zDim: 16,
  filters: 4,
  upsampling: 'convTranspose',
  downsampling: 'stride',
  normalization: 'batch',
  slope: 0.2,
};

export const mlp: MlpRecipe = {
  kind: 'mlp',
  zDim: 16,
  hidden: 32,
  layers: 2,
  normalization: 'none',
  slope: 0.2,
};

/** A recipe with nothing random but z. */
export function recipeOf(network: DcganRecipe | MlpRecipe, changes: Partial<Recipe> = {}): Recipe {
  return {
    name: 'parity',
    network,
    loss: 'non-saturating',
    optimizer: { generator: adam, discriminator: adam },
    emaDecay: 0,
    batch: 4,
    accumulate: 1,
    precision: 'float32',
    techniques: techniquesOff,
    ...changes,
  };
}

/** Every random technique on: soft labels, noise on D's input and on G's layers, dropout in G; and the average. */
export function randomRecipe(network: DcganRecipe | MlpRecipe, changes: Partial<Recipe> = {}): Recipe {
  const noise = { std: 0.1, decay: 'exponential', steps: 40 } as const;
  return recipeOf(network, {
    emaDecay: 0.99,
    techniques: {
      ...techniquesOff,
      softLabels: { real: [0.7, 1.2], fake: [0, 0.3], swap: 0.1 },
      instanceNoise: noise,
      layerNoise: noise,
      dropout: { rate: 0.3, layers: 1 },
    },
    ...changes,
  });
}

export const images = (channels: number, size: number): SampleSpec => ({
  kind: 'images',
  shape: [channels, size, size],
});
export const points: SampleSpec = { kind: 'points', shape: [2] };

/** `steps` batches for a recipe: bytes or points, the same for the same arguments. */
export function randomBatches(
  { batch, accumulate }: Recipe,
  { kind, shape }: SampleSpec,
  steps: number,
  seed = 1,
): Tensor {
  const full = [steps, batch * accumulate, ...shape];
  const values = uniforms(seed, 0, 'data', sizeOf(full));
  return kind === 'images'
    ? tensor(
        'uint8',
        values.map((u) => Math.floor(u * 256)),
        full,
      )
    : tensor(
        'float32',
        values.map((u) => 4 * u - 2),
        full,
      );
}
