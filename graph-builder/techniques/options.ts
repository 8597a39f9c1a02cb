import type { GradientPenaltyOptions } from './02-gradient-penalty.ts';
import type { MinibatchDiscriminationOptions } from './08-minibatch-discrimination.ts';
import type { FreezingOptions } from './08-freezing.ts';
import type { ReplayOptions } from './08-replay.ts';
import type { SnapshotOptions } from './08-snapshots.ts';
import type { TargetNetworkOptions } from './08-target-networks.ts';
import type { HybridOptions } from './07-vae.ts';
import type { RateDecayOptions } from './09-rate-decay.ts';
import type { LossThresholdOptions } from './11-loss-threshold.ts';
import type { LabelOptions } from './12-labels.ts';
import type { AugmentationOptions } from './13-augmentation.ts';
import type { NoiseSchedule } from './13-noise.ts';
import type { DropoutOptions } from './14-dropout.ts';
import type { SoftLabelOptions } from './06-soft-labels.ts';
import type { LatentDistribution } from './03-latent.ts';

/** Options of the techniques; each is described where the technique is. */
export interface TechniqueOptions {
  readonly latent: LatentDistribution;
  readonly batches: 'separate' | 'mixed';
  readonly gradientPenalty: GradientPenaltyOptions;
  readonly softLabels: SoftLabelOptions;
  readonly vae: HybridOptions;
  readonly replay: ReplayOptions;
  readonly snapshots: SnapshotOptions;
  readonly targetNetworks: TargetNetworkOptions;
  readonly freezing: FreezingOptions;
  /** Weight of the pull of the weights towards the mean of their past; 0 is off. */
  readonly historicalAveraging: number;
  readonly minibatchDiscrimination: MinibatchDiscriminationOptions;
  readonly rateDecay: RateDecayOptions;
  readonly lossThreshold: LossThresholdOptions;
  readonly labels: LabelOptions;
  readonly augmentation: AugmentationOptions;
  readonly instanceNoise: NoiseSchedule;
  readonly layerNoise: NoiseSchedule;
  readonly dropout: DropoutOptions;
  /** Updates of D, each on a batch of its own, for one of G; 1 is off. */
  readonly discriminatorSteps: number;
}
