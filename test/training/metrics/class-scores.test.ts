import { describe, expect, it } from 'vitest';
import {
  conditionalAccuracy,
  inceptionScore,
  likeliest,
  scoreClasses,
} from '../../../training/metrics/class-scores.ts';

const rows = Float32Array.of(0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.25, 0.25, 0.5, 0.92, 0.04, 0.04);

describe('scoreClasses', () => {
  it('counts classes and sure samples', () => {
    const scores = scoreClasses(rows, 3);
    expect(scores).toMatchObject({ samples: 4, largestShare: 0.5, classesPresent: 3, confident: 0.25 });
    expect(scores.shares).toEqual([0.5, 0.25, 0.25]);
  });

  it('counts a class without a sample as absent', () => {
    const scores = scoreClasses(Float32Array.of(0, 1, 0, 0.6, 0, 0.4), 3);
    expect(scores).toMatchObject({ shares: [0.5, 0.5, 0], classesPresent: 2, confident: 0.5 });
  });

  it('counts a class from a tenth of an even share on as present', () => {
    /** 1,000 sure samples, `rare` of them of class 7 and the others of class 0. */
    const mostlyZero = (rare: number) =>
      Float32Array.from({ length: 10_000 }, (_, i) => (i % 10 === (i < rare * 10 ? 7 : 0) ? 1 : 0));
    expect(scoreClasses(mostlyZero(9), 10)).toMatchObject({ classesPresent: 1, largestShare: 0.991 });
    expect(scoreClasses(mostlyZero(10), 10)).toMatchObject({ classesPresent: 2, largestShare: 0.99 });
  });

  it('refuses a broken row and no row', () => {
    expect(() => scoreClasses(new Float32Array(4), 3)).toThrow(
      'probabilities: 4 numbers, must be 1 or more rows of 3',
    );
    expect(() => scoreClasses(new Float32Array(0), 3)).toThrow('probabilities: 0 numbers');
  });
});

describe('inceptionScore', () => {
  it('is that of NumPy', () => {
    const probabilities = Float32Array.of(0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.25, 0.25, 0.5, 0.9, 0.05, 0.05);
    // Rows in float32 sum to 1 within 6e-8.
    expect(inceptionScore(probabilities, 3)).toBeCloseTo(1.364321617985021, 6);
  });

  it('is the number of classes where every sample is certain and all classes are equally frequent', () => {
    const identity = Float32Array.from({ length: 100 }, (_, i) => (Math.floor(i / 10) === i % 10 ? 1 : 0));
    expect(inceptionScore(identity, 10)).toBeCloseTo(10, 10);
  });

  it('is 1 where all samples are alike, and where none is recognisable', () => {
    const alike = Float32Array.from({ length: 50 }, (_, i) => (i % 10 === 3 ? 1 : 0));
    expect(inceptionScore(alike, 10)).toBe(1);
    expect(inceptionScore(new Float32Array(50).fill(0.1), 10)).toBeCloseTo(1, 6);
  });
});

describe('conditionalAccuracy', () => {
  it('is the share of samples whose likeliest class was asked for', () => {
    expect([...likeliest(rows, 3)]).toEqual([0, 1, 2, 0]);
    expect(conditionalAccuracy(rows, Int32Array.of(0, 1, 2, 1), 3)).toBe(0.75);
    expect(conditionalAccuracy(rows, Int32Array.of(1, 2, 0, 1), 3)).toBe(0);
  });

  it('refuses labels of another number', () => {
    expect(() => conditionalAccuracy(rows, Int32Array.of(0, 1), 3)).toThrow('asked: 2 labels for 4 samples');
  });
});
