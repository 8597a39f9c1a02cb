import type { GeneratorLoss } from './losses/adversarial.ts';

/** Everything that decides what is trained and how. Plain data: it is stored with the run. */
export interface Recipe {
  /** Preset it started from. */
  readonly name: string;
  readonly network: DcganRecipe | MlpRecipe;
  /** Generator's loss; the discriminator's is always binary cross-entropy on logits. */
  readonly loss: GeneratorLoss;
  readonly optimizer: { readonly generator: OptimizerRecipe; readonly discriminator: OptimizerRecipe };
  /**
   * Decay of the exponential moving average of the generator, in [0, 1); the average is what is exported.
   * 0 keeps none.
   */
  readonly emaDecay: number;
  /** Samples a step, real and fake each. */
  readonly batch: number;
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
  /** Dropout after the generator's first blocks, on in training and in the exported model. */
  readonly dropout: { readonly rate: number; readonly blocks: number };
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

export type OptimizerRecipe =
  | {
      readonly kind: 'adam';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'sgd'; readonly learningRate: number; readonly momentum: number };

export interface TechniqueOptions {
  /** Targets of the discriminator, drawn per sample from [low, high]; real [1, 1] and fake [0, 0] is off. */
  readonly softLabels: {
    readonly real: readonly [number, number];
    readonly fake: readonly [number, number];
  };
  /** Gaussian noise on the discriminator's input. */
  readonly instanceNoise: NoiseSchedule;
  /** Gaussian noise on every layer of the generator. */
  readonly layerNoise: NoiseSchedule;
}

export interface NoiseSchedule {
  /** Standard deviation at step 0, in units of the noised tensor; 0 is off. */
  readonly std: number;
  readonly decay: 'linear' | 'exponential' | 'cosine';
  /** Steps until the noise is gone (linear, cosine) or a hundredth of its start (exponential). */
  readonly steps: number;
}

/** What the data dictates. */
export interface SampleSpec {
  readonly kind: 'images' | 'points';
  /** [C, H, W] for images, [2] for points. */
  readonly shape: readonly number[];
}
