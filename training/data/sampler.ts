import { uniformStream } from './integer-hash.ts';

/**
 * The order in which training sees the samples: epoch after epoch, each a fresh permutation of all of them.
 * Everything follows from (seed, position), so a resumed run needs nothing but its position.
 */
export class EpochSampler {
  readonly #count: number;
  readonly #seed: number;
  // A batch may straddle two epochs, so the last two permutations are kept.
  #recent: { epoch: number; order: Int32Array }[] = [];

  /** @param count samples in the data set, 1 or more. @param seed any safe integer. */
  constructor(count: number, seed: number) {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new RangeError(`count must be 1 or more, got ${count}`);
    if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be an integer, got ${seed}`);
    this.#count = count;
    this.#seed = seed;
  }

  /**
   * Indices of the `n` samples from `position` on, int32 [n]; `position` counts the samples seen before.
   * Batches cross the borders of epochs.
   */
  indices(position: number, n: number): Int32Array {
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new RangeError(`position must be 0 or more, got ${position}`);
    }
    const out = new Int32Array(n);
    for (let filled = 0; filled < n;) {
      const epoch = Math.floor((position + filled) / this.#count);
      const offset = (position + filled) % this.#count;
      const take = Math.min(n - filled, this.#count - offset);
      out.set(this.#order(epoch).subarray(offset, offset + take), filled);
      filled += take;
    }
    return out;
  }

  #order(epoch: number): Int32Array {
    const known = this.#recent.find((entry) => entry.epoch === epoch);
    if (known) return known.order;
    const order = permutation(this.#count, this.#seed, epoch);
    this.#recent = [...this.#recent.slice(-1), { epoch, order }];
    return order;
  }
}

/** A Fisher-Yates shuffle of 0..count-1 that depends on (seed, epoch) only. */
function permutation(count: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const uniform = uniformStream(seed, epoch);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    const held = order[i]!;
    order[i] = order[j]!;
    order[j] = held;
  }
  return order;
}
