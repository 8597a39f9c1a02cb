import { describe, expect, it } from 'vitest';
import { featureStatistics, frechetDistance } from '../../../training/metrics/frechet.ts';
import type { FeatureStatistics } from '../../../training/metrics/frechet.ts';

const table = (rows: number, columns: number, cell: (i: number, j: number) => number) =>
  Float32Array.from({ length: rows * columns }, (_, k) => cell(Math.floor(k / columns), k % columns));
const a = table(40, 5, (i, j) => Math.sin(1 + i * (j + 1) * 0.7) + 0.1 * j);
const b = table(60, 5, (i, j) => Math.cos(i * (j + 2) * 0.3) * (1 + 0.2 * j));
const gaussian = (mean: readonly number[], covariance: readonly number[]): FeatureStatistics => ({
  samples: 100,
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(covariance),
});

describe('featureStatistics', () => {
  it('gives the mean and the covariance of numpy.cov', () => {
    const { samples, mean, covariance } = featureStatistics(a, 5);
    expect(samples).toBe(40);
    expect(mean[1]).toBeCloseTo(0.09973020260222257, 12);
    expect(covariance[2]).toBeCloseTo(0.0022213402940736288, 12);
    expect(covariance[10]).toBe(covariance[2]);
    expect(covariance[6]).toBeCloseTo(0.5195967750884104, 12);
  });

  it.each([
    [130, 1],
    [65, 6],
    [200, 7],
  ])('takes any number of rows and features: %i of %i', (rows, width) => {
    const features = table(rows, width, (i, j) => Math.sin(i * (j + 1.3)) * (j + 1) + j);
    const { mean, covariance } = featureStatistics(features, width);
    const sum = (cell: (row: number) => number) =>
      Array.from({ length: rows }, (_, row) => cell(row)).reduce((total, value) => total + value, 0);
    const at = (row: number, j: number) => features[row * width + j]!;
    const means = Array.from({ length: width }, (_, j) => sum((row) => at(row, j)) / rows);
    const expected = means.flatMap((m, i) =>
      means.map((n, j) => sum((row) => (at(row, i) - m) * (at(row, j) - n)) / (rows - 1)),
    );
    means.forEach((value, j) => {
      expect(mean[j]).toBeCloseTo(value, 12);
    });
    expected.forEach((value, k) => {
      expect(covariance[k]).toBeCloseTo(value, 10);
    });
  });

  it('refuses a broken row and a single one', () => {
    expect(() => featureStatistics(new Float32Array(7), 2)).toThrow(
      'features: 7 numbers, must be 2 or more rows of 2',
    );
    expect(() => featureStatistics(new Float32Array(2), 2)).toThrow('features: 2 numbers');
  });
});

describe('frechetDistance', () => {
  // Numbers of scipy.linalg.sqrtm, SciPy 1.17.
  it('is that of SciPy for two Gaussians', () => {
    const p = gaussian([0, 1, 2], [2, 0.5, 0, 0.5, 1, 0.3, 0, 0.3, 1.5]);
    const q = gaussian([1, 1, 0], [1, -0.2, 0.1, -0.2, 3, 0, 0.1, 0, 0.5]);
    expect(frechetDistance(p, q)).toBeCloseTo(6.205518527708764, 10);
    expect(frechetDistance(q, p)).toBeCloseTo(6.205518527708764, 10);
  });

  it('is that of SciPy for two sets of features', () => {
    expect(frechetDistance(featureStatistics(a, 5), featureStatistics(b, 5))).toBeCloseTo(
      1.1442593984158682,
      10,
    );
  });

  it('is that of SciPy where there are fewer samples than features', () => {
    const few = featureStatistics(a.subarray(0, 4 * 5), 5);
    expect(frechetDistance(few, featureStatistics(b, 5))).toBeCloseTo(2.938502484087522, 6);
    expect(frechetDistance(featureStatistics(b, 5), few)).toBeCloseTo(2.938502484087522, 6);
  });

  it('takes a covariance of rank 1: tr(S + T) - 2 sqrt(u^T T u) for S = u u^T', () => {
    const line = gaussian([0, 0, 0], [1, 2, 2, 2, 4, 4, 2, 4, 4]);
    const full = gaussian([0, 0, 0], [1, -0.2, 0.1, -0.2, 3, 0, 0.1, 0, 0.5]);
    const expected = 9 + 4.5 - 2 * Math.sqrt(1 + 12 + 2 + 2 * (-0.4 + 0.2));
    // The root of an eigenvalue that is 0 but for rounding is some 1e-8 of the largest.
    expect(frechetDistance(line, full)).toBeCloseTo(expected, 6);
    expect(frechetDistance(full, line)).toBeCloseTo(expected, 6);
  });

  it('is the squared distance of the means where nothing varies', () => {
    const still = (x: number) => featureStatistics(Float32Array.of(x, 3, x, 3), 2);
    expect(frechetDistance(still(1), still(5))).toBe(16);
  });

  it('is the squared distance of the deviations, feature by feature, where they are independent', () => {
    const p = gaussian([0, 0], [4, 0, 0, 9]);
    const q = gaussian([0, 0], [1, 0, 0, 25]);
    expect(frechetDistance(p, q)).toBeCloseTo((2 - 1) ** 2 + (3 - 5) ** 2, 12);
  });

  it('is 0 for the same features, and never below', () => {
    expect(frechetDistance(featureStatistics(a, 5), featureStatistics(a, 5))).toBeLessThan(1e-12);
    expect(frechetDistance(featureStatistics(a, 5), featureStatistics(a, 5))).toBeGreaterThanOrEqual(0);
  });

  it('refuses features of different widths', () => {
    expect(() => frechetDistance(gaussian([0], [1]), gaussian([0, 0], [1, 0, 0, 1]))).toThrow(
      'features of 1 and of 2 numbers',
    );
  });
});
