import type { Dataset } from './dataset.ts';

/**
 * Copies the samples at `indices` into one contiguous array [n, ...sampleShape] of the data set's dtype.
 * @throws RangeError for an index outside the data set.
 */
export function gather(
  { data, count, sampleShape }: Dataset,
  indices: Int32Array,
): Uint8Array | Float32Array {
  const sampleSize = sampleShape.reduce((a, b) => a * b, 1);
  const length = indices.length * sampleSize;
  const target = data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  for (const [i, index] of indices.entries()) {
    checkIndex(index, count);
    const start = index * sampleSize;
    target.set(data.subarray(start, start + sampleSize), i * sampleSize);
  }
  return target;
}

/**
 * The labels of the samples at `indices`, int32 [n].
 * @throws RangeError for an index outside the data set; Error when it has no labels.
 */
export function labelsOf(dataset: Dataset, indices: Int32Array): Int32Array {
  const { labels, count } = dataset;
  if (!labels) throw new Error(`${dataset.name}: the data set has no labels`);
  return indices.map((index) => {
    checkIndex(index, count);
    return labels[index]!;
  });
}

function checkIndex(index: number, count: number): void {
  if (index < 0 || index >= count) throw new RangeError(`sample ${index} is outside 0..${count - 1}`);
}
