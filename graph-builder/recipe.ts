import type { AdversarialLossName } from './losses/adversarial.ts';
import type { TechniqueOptions } from './techniques/options.ts';

export type { TechniqueOptions } from './techniques/options.ts';

/** Everything that decides what is trained and how. Plain data: it is stored with the run. */
export interface Recipe {
  /** Preset it started from. */
  readonly name: string;
  readonly network: DcganRecipe | MlpRecipe | ImportedRecipe;
  /** The game that G and D play. */
  readonly loss: AdversarialLossName;
  readonly optimizer: { readonly generator: OptimizerRecipe; readonly discriminator: OptimizerRecipe };
  /**
   * Decay of the exponential moving average of the generator, in [0, 1); the average is what is exported.
   * 0 keeps none.
   */
  readonly emaDecay: number;
  /** Samples that are worked on together, real and fake each. */
  readonly batch: number;
  /** Batches whose mean gradient an update follows: as one batch so many times as large, in less memory. 1 is off. */
  readonly accumulate: number;
  /**
   * `mixed` lets a GPU compute layers in halves (float16), where it gains from that: weights, optimisers, statistics and
   * losses stay float32, and losses are scaled. Other devices compute in float32 all the same.
   */
  readonly precision: 'float32' | 'mixed';
  readonly techniques: TechniqueOptions;
}

export interface DcganRecipe {
  readonly kind: 'dcgan';
  /** Extent of the latent z. */
  readonly zDim: number;
  /** Channels of the layers next to the image; they double with every halving of the resolution. */
  readonly filters: number;
  /** How the generator doubles the resolution: one strided layer, or a convolution and a rearrangement. */
  readonly upsampling: 'convTranspose' | 'pixelShuffle' | 'nearest';
  /** How the discriminator halves it. */
  readonly downsampling: 'stride' | 'averagePool';
  readonly normalization: 'batch' | 'instance' | 'none';
  /** Slope of LeakyReLU for negative inputs, in both networks; 0 is ReLU. */
  readonly slope: number;
}

export interface MlpRecipe {
  readonly kind: 'mlp';
  readonly zDim: number;
  /** Units of each hidden layer. */
  readonly hidden: number;
  /** Hidden layers, in both networks. */
  readonly layers: number;
  /** Normalisation of the generator's hidden layers. */
  readonly normalization: 'batch' | 'none';
  readonly slope: number;
}

/** Both networks come from elsewhere, and nothing of their inside is known. */
export interface ImportedRecipe {
  readonly kind: 'imported';
  readonly zDim: number;
}

export type OptimizerRecipe =
  | {
      readonly kind: 'adam';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'sgd'; readonly learningRate: number; readonly momentum: number };

/** What the data dictates. */
export interface SampleSpec {
  readonly kind: 'images' | 'points';
  /** [C, H, W] for images, [2] for points. */
  readonly shape: readonly number[];
  /** Number of classes; 0 or absent where the data has no labels. */
  readonly classes?: number;
}
