import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labelsOf } from '../../../training/data/batch.ts';
import type { Dataset } from '../../../training/data/dataset.ts';
import { openDataset } from '../../../training/data/dataset.ts';
import { uniformStream } from '../../../training/data/integer-hash.ts';
import { DigitJudge } from '../../../training/metrics/digit-judge.ts';
import { digitImages, splitDigits } from '../../../training/metrics/digit-data.ts';
import { digitReference, scoreDigits } from '../../../training/metrics/digits.ts';
import type { DigitScores } from '../../../training/metrics/digits.ts';
import type { FeatureStatistics } from '../../../training/metrics/frechet.ts';
import { trainDigitClassifier } from '../../../training/metrics/train-digit-classifier.ts';

const pixels = 32 * 32;

let dataset: Dataset;
let judge: DigitJudge;
let reference: FeatureStatistics;
/** Real digits that the judge has not seen, float32 [2000, 1, 32, 32], and what they are. */
let images: Float32Array;
let labels: Int32Array;
let real: DigitScores;

beforeAll(async () => {
  dataset = await openDataset(undefined, { size: 32, channels: 1 });
  judge = await trainDigitClassifier(dataset);
  reference = await digitReference(judge, dataset);
  const { heldOut, training } = splitDigits(dataset);
  images = digitImages(dataset, heldOut);
  labels = labelsOf(dataset, heldOut);
  // Other real digits than the reference's.
  real = await scoreDigits(judge, digitImages(dataset, training.slice(0, 2000)), reference);
}, 400_000);

afterAll(() => judge.dispose());

describe('the judge', () => {
  it('sees the class of 98 % of the digits it was not trained on', async () => {
    const { probabilities } = await judge.classify(images);
    let right = 0;
    labels.forEach((label, i) => {
      const row = [...probabilities.subarray(10 * i, 10 * i + 10)];
      if (row.every((p, k) => k === label || p < row[label]!)) right++;
    });
    expect(right / 2000).toBeGreaterThanOrEqual(0.98);
    expect(judge.record).toMatchObject({
      data: 'digits',
      trainingDigits: 8000,
      heldOutDigits: 2000,
      heldOutAccuracy: right / 2000,
    });
  });

  it('gives probabilities that sum to 1 and features that are not negative', async () => {
    const { probabilities, features } = await judge.classify(images.subarray(0, 300 * pixels));
    expect([probabilities.length, features.length]).toEqual([300 * 10, 300 * 64]);
    for (let i = 0; i < 300; i++)
      expect(probabilities.subarray(10 * i, 10 * i + 10).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    expect(Math.min(...features)).toBe(0);
    expect(Math.max(...features)).toBeGreaterThan(1);
  });

  it('gives the same images the same numbers', async () => {
    expect(await judge.classify(images)).toEqual(await judge.classify(images));
  });

  it('judges each image alone, whatever lies beside it', async () => {
    const all = await judge.classify(images);
    const some = await judge.classify(images.subarray(250 * pixels, 260 * pixels));
    some.features.forEach((value, i) => {
      expect(value).toBeCloseTo(all.features[250 * 64 + i]!, 3);
    });
  });

  it('is the same after a round trip through a file', async () => {
    const copy = await DigitJudge.decode(judge.encode(), 'judge.safetensors');
    expect(copy.record).toEqual(judge.record);
    expect(await copy.classify(images.subarray(0, 300 * pixels))).toEqual(
      await judge.classify(images.subarray(0, 300 * pixels)),
    );
    await copy.dispose();
  });

  it('refuses a part of an image, no image, and NaN', async () => {
    await expect(judge.classify(new Float32Array(pixels + 1))).rejects.toThrow(
      'images: 1025 numbers, must be 1 or more times 1 x 32 x 32',
    );
    await expect(judge.classify(new Float32Array(0))).rejects.toThrow('images: 0 numbers');
    const broken = images.slice(0, 3 * pixels);
    broken[2 * pixels + 7] = NaN;
    await expect(judge.classify(broken)).rejects.toThrow('image 2 holds NaN, must be finite');
  });
});

describe('scoreDigits', () => {
  const score = (samples: Float32Array, asked?: Int32Array) => scoreDigits(judge, samples, reference, asked);

  it('finds real digits varied, clear and near to other real ones', () => {
    expect(real).toMatchObject({ samples: 2000, referenceSamples: 2000, classesPresent: 10 });
    expect(real.conditionalAccuracy).toBeUndefined();
    expect(real.largestShare).toBeLessThan(0.14);
    expect(Math.min(...real.shares)).toBeGreaterThan(0.07);
    expect(real.confident).toBeGreaterThan(0.95);
    expect(real.inceptionScore).toBeGreaterThan(9.5);
    // 1,200 for one digit again and again, see below.
    expect(real.frechetDistance).toBeLessThan(5);
  });

  it('puts the reference at distance 0 from itself', async () => {
    expect((await score(images)).frechetDistance).toBeLessThan(1e-3);
  });

  it('finds one digit, repeated, without variety', async () => {
    const one = images.subarray(0, pixels);
    const scores = await score(Float32Array.from({ length: 500 * pixels }, (_, i) => one[i % pixels]!));
    expect(scores).toMatchObject({ samples: 500, classesPresent: 1, largestShare: 1 });
    expect(scores.inceptionScore).toBeCloseTo(1, 6);
    expect(scores.frechetDistance).toBeGreaterThan(100 * real.frechetDistance);
  });

  it('finds noise without variety, and far from digits', async () => {
    const uniform = uniformStream(0);
    const scores = await score(Float32Array.from({ length: 500 * pixels }, () => 2 * uniform() - 1));
    expect(scores.inceptionScore).toBeLessThan(2);
    expect(scores.largestShare).toBeGreaterThan(0.5);
    expect(scores.frechetDistance).toBeGreaterThan(100 * real.frechetDistance);
  });

  it('misses classes that are missing', async () => {
    const { heldOut } = splitDigits(dataset);
    const scores = await score(
      digitImages(
        dataset,
        heldOut.filter((_, i) => labels[i]! < 5),
      ),
    );
    expect(scores.classesPresent).toBe(5);
    expect(scores.shares.slice(5).every((share) => share < 0.01)).toBe(true);
    expect(Math.abs(scores.inceptionScore - 5)).toBeLessThan(0.3);
    expect(scores.frechetDistance).toBeGreaterThan(20 * real.frechetDistance);
  });

  it('moves away from real digits step by step as they are spoilt', async () => {
    const spoilt = async (noise: number) => {
      const uniform = uniformStream(1);
      return score(images.map((value) => value + noise * (2 * uniform() - 1)));
    };
    const [little, more, much] = [await spoilt(0.3), await spoilt(0.6), await spoilt(1)];
    expect(little.frechetDistance).toBeGreaterThan(1);
    expect(more.frechetDistance).toBeGreaterThan(2 * little.frechetDistance);
    expect(much.frechetDistance).toBeGreaterThan(2 * more.frechetDistance);
    expect(much.confident).toBeLessThan(little.confident - 0.1);
  });

  it('measures how often the class is the one asked for', async () => {
    expect((await score(images, labels)).conditionalAccuracy).toBe(judge.record.heldOutAccuracy);
    const others = labels.map((label) => (label + 1) % 10);
    expect((await score(images, others)).conditionalAccuracy).toBeLessThan(0.01);
  });

  it('has no distance for a single sample', async () => {
    expect(await score(images.slice(0, pixels))).toMatchObject({ samples: 1, frechetDistance: NaN });
  });
});
