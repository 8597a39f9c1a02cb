import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** Mean and covariance of feature vectors. */
export interface FeatureStatistics {
  /** Vectors they were taken over. */
  readonly samples: number;
  /** [F] */
  readonly mean: Float64Array;
  /** Row-major [F, F], unbiased (divided by samples - 1). Singular where samples <= F or a feature never moves. */
  readonly covariance: Float64Array;
}

/** Rows that are taken at a time, so that what is read of them again and again stays in the cache. */
const blockRows = 64;

/**
 * Mean and covariance of the rows of `features`.
 *
 * @param features float32 [n, width], n >= 2
 */
export function featureStatistics(features: Float32Array, width: number): FeatureStatistics {
  const samples = features.length / width;
  if (!Number.isInteger(samples) || samples < 2)
    throw new RangeError(`features: ${features.length} numbers, must be 2 or more rows of ${width}`);
  const mean = new Float64Array(width);
  for (let i = 0; i < features.length; i++) mean[i % width]! += features[i]! / samples;
  const covariance = new Float64Array(width * width);
  // [width, rows], a feature more where they are odd: two by two share what they read.
  const centred = new Float64Array((width + 1) * blockRows);
  for (let start = 0; start < samples; start += blockRows) {
    const rows = Math.min(blockRows, samples - start);
    for (let row = 0; row < rows; row++)
      for (let i = 0; i < width; i++)
        centred[i * blockRows + row] = features[(start + row) * width + i]! - mean[i]!;
    for (let i = 0; i < width; i += 2)
      for (let j = i; j < width; j += 2) {
        let same = 0;
        let right = 0;
        let below = 0;
        let both = 0;
        for (let row = 0; row < rows; row++) {
          const a = centred[i * blockRows + row]!;
          const b = centred[(i + 1) * blockRows + row]!;
          const c = centred[j * blockRows + row]!;
          const d = centred[(j + 1) * blockRows + row]!;
          same += a * c;
          right += a * d;
          below += b * c;
          both += b * d;
        }
        covariance[i * width + j]! += same;
        if (j + 1 < width) covariance[i * width + j + 1]! += right;
        if (i + 1 < width) covariance[(i + 1) * width + j]! += below;
        if (i + 1 < width && j + 1 < width) covariance[(i + 1) * width + j + 1]! += both;
      }
  }
  for (let i = 0; i < width; i++)
    for (let j = i; j < width; j++) covariance[j * width + i] = covariance[i * width + j]! /= samples - 1;
  return { samples, mean, covariance };
}

/**
 * The squared Fréchet distance of two Gaussians (Dowson & Landau 1982; for GANs Heusel et al. 2017, arXiv 1706.08500):
 * |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)). It depends on the features and, by its bias, on the sample counts:
 * compare only figures that share both.
 *
 * The trace of (S1 S2)^(1/2) is that of (F^T S2 F)^(1/2) with F F^T = S1: symmetric, without negative eigenvalues but by
 * rounding. So a singular covariance needs no ridge, and nothing is complex.
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  const n = a.mean.length;
  if (b.mean.length !== n) throw new RangeError(`features of ${n} and of ${b.mean.length} numbers`);
  const [first, second] = [a, b].map(({ covariance }) => Matrix.from1DArray(n, n, covariance)) as [
    Matrix,
    Matrix,
  ];
  const factor = factorOf(first);
  const { realEigenvalues } = decompose(factor.transpose().mmul(second.mmul(factor)));
  const shift = a.mean.reduce((sum, value, i) => sum + (value - b.mean[i]!) ** 2, 0);
  const overlap = realEigenvalues.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
  return Math.max(0, shift + first.trace() + second.trace() - 2 * overlap);
}

const decompose = (matrix: Matrix) => new EigenvalueDecomposition(matrix, { assumeSymmetric: true });

/** F of F F^T, a symmetric matrix without negative eigenvalues; those of rounding count as 0. */
function factorOf(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = decompose(matrix);
  return eigenvectorMatrix.mulRowVector(realEigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
}
