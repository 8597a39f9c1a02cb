/**
 * How different samples are from each other, relative to real ones, by Euclidean distance: near 1 is as diverse as the
 * data, 0 is one sample over and over. The smaller of two ratios:
 *
 * - mean distance of all pairs: small where all samples are alike;
 * - mean distance to the nearest other sample: small where a few samples repeat, however different these are.
 */
export class DiversityMeter {
  readonly #size: number;
  readonly #real: Distances;

  /** @param real samples of the data, in the units of the generator @param count how many */
  constructor(real: Float32Array, count: number) {
    this.#size = real.length / count;
    this.#real = distances(real, count, this.#size);
  }

  /** @param samples at least as many as there are real ones; further ones are not looked at */
  measure(samples: Float32Array): number {
    const { count, pairs, nearest } = this.#real;
    const found = distances(samples, count, this.#size);
    return Math.min(ratio(found.pairs, pairs), ratio(found.nearest, nearest));
  }
}

/** Data that has no distance itself (all samples equal) demands none. */
const ratio = (found: number, real: number) => (real > 0 ? found / real : 1);

interface Distances {
  readonly count: number;
  readonly pairs: number;
  readonly nearest: number;
}

/** @param values [count, size] */
function distances(values: Float32Array, count: number, size: number): Distances {
  const nearest = new Float64Array(count).fill(Infinity);
  let sum = 0;
  for (let i = 0; i < count; i++)
    for (let j = i + 1; j < count; j++) {
      let square = 0;
      for (let k = 0; k < size; k++) square += (values[i * size + k]! - values[j * size + k]!) ** 2;
      const distance = Math.sqrt(square);
      sum += distance;
      nearest[i] = Math.min(nearest[i]!, distance);
      nearest[j] = Math.min(nearest[j]!, distance);
    }
  return {
    count,
    pairs: sum / ((count * (count - 1)) / 2),
    nearest: nearest.reduce((total, distance) => total + distance, 0) / count,
  };
}
