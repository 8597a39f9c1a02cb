import type { Features } from './feature-network.ts';

/** Vectors of each side that are compared with each other: the usual subsets. */
const subset = 1000;

export interface KernelDistance {
  /** Mean over the subsets. Unbiased, so it may be a little below 0 for equal distributions. */
  readonly value: number;
  /** Standard error of that mean; NaN for a single subset. */
  readonly error: number;
}

/**
 * Kernel distance of two sets of feature vectors (KID; Binkowski et al. 2018, arXiv 1801.01401): the unbiased estimate
 * of the squared maximum mean discrepancy with the kernel (x . y / width + 1)^3, over disjoint subsets of up to 1,000
 * vectors. Unlike the Frechet distance it means the same for any number of samples.
 *
 * @param a of 2 vectors or more @param b likewise, of the same width
 */
export function kernelDistance(a: Features, b: Features): KernelDistance {
  const { width } = a;
  const counts = [a, b].map(({ data }) => data.length / width);
  const size = Math.min(subset, ...counts);
  if (b.width !== width || size < 2)
    throw new RangeError(`${counts[0]!} and ${counts[1]!} vectors of ${width} and ${b.width} numbers`);
  const values = Array.from({ length: Math.floor(Math.min(...counts) / size) }, (_, i) => {
    const [x, y] = [a, b].map(({ data }) => data.subarray(i * size * width, (i + 1) * size * width));
    return discrepancy(x!, y!, size, width);
  });
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2 / (values.length - 1), 0);
  return { value: mean, error: values.length > 1 ? Math.sqrt(variance / values.length) : NaN };
}

/** The estimate for one subset of each: a vector is not compared with itself. */
function discrepancy(x: Float32Array, y: Float32Array, n: number, width: number): number {
  let [within, between] = [0, 0];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      between += kernel(x, i, y, j, width);
      if (j < i) within += kernel(x, i, x, j, width) + kernel(y, i, y, j, width);
    }
  return (2 * within) / (n * (n - 1)) - (2 * between) / (n * n);
}

function kernel(x: Float32Array, i: number, y: Float32Array, j: number, width: number): number {
  let product = 0;
  for (let k = 0; k < width; k++) product += x[i * width + k]! * y[j * width + k]!;
  return (product / width + 1) ** 3;
}
