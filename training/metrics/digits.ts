import type { Dataset } from '../data/dataset.ts';
import { conditionalAccuracy, scoreClasses } from './class-scores.ts';
import type { ClassScores } from './class-scores.ts';
import { digitImages, splitDigits } from './digit-data.ts';
import type { DigitJudge } from './digit-judge.ts';
import { digitClasses, digitFeatures } from './digit-network.ts';
import { featureStatistics, frechetDistance } from './frechet.ts';
import type { FeatureStatistics } from './frechet.ts';

/** Quality and variety of generated digits, as a judge sees them. */
export interface DigitScores extends ClassScores {
  /**
   * Squared Fréchet distance of the judge's features to those of real digits it was not trained on; 0 is best. Only
   * comparable for the same judge and the same `samples` and `referenceSamples`. NaN for a single sample.
   */
  readonly frechetDistance: number;
  /** Real digits that the distance is measured to. */
  readonly referenceSamples: number;
  /** Share of the samples, 0 to 1, of the class that was asked for; undefined where none was. */
  readonly conditionalAccuracy: number | undefined;
}

/** The judge's features of the held-out digits of `dataset`, the same that its accuracy was measured on. */
export async function digitReference(judge: DigitJudge, dataset: Dataset): Promise<FeatureStatistics> {
  const { features } = await judge.classify(digitImages(dataset, splitDigits(dataset).heldOut));
  return featureStatistics(features, digitFeatures);
}

/**
 * All figures of generated digits.
 *
 * @param images float32 [n, 1, 32, 32] in [-1, 1]
 * @param reference of {@link digitReference}
 * @param asked int32 [n], the labels a conditional generator was given
 */
export async function scoreDigits(
  judge: DigitJudge,
  images: Float32Array,
  reference: FeatureStatistics,
  asked?: Int32Array,
): Promise<DigitScores> {
  const { probabilities, features } = await judge.classify(images);
  const scores = scoreClasses(probabilities, digitClasses);
  return {
    ...scores,
    frechetDistance:
      scores.samples > 1 ? frechetDistance(featureStatistics(features, digitFeatures), reference) : NaN,
    referenceSamples: reference.samples,
    conditionalAccuracy: asked && conditionalAccuracy(probabilities, asked, digitClasses),
  };
}
