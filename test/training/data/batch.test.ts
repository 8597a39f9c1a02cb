import { describe, expect, it } from 'vitest';
import { gather, labelsOf } from '../../../training/data/batch.ts';
import type { Dataset } from '../../../training/data/dataset.ts';

const images: Dataset = {
  name: 'tiny',
  kind: 'images',
  count: 3,
  sampleShape: [1, 2, 2],
  dtype: 'uint8',
  classes: ['a', 'b'],
  labels: Int32Array.of(1, 0, 1),
  skipped: [],
  data: Uint8Array.from({ length: 12 }, (_, i) => i),
};
const points: Dataset = {
  ...images,
  kind: 'points',
  sampleShape: [2],
  dtype: 'float32',
  labels: undefined,
  data: Float32Array.of(0.5, 1, 1.5, 2, 2.5, 3),
};

describe('gather', () => {
  it('copies samples in the order asked for, repeats included', () => {
    expect(gather(images, Int32Array.of(2, 0, 2))).toEqual(
      Uint8Array.of(8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11),
    );
    expect(gather(points, Int32Array.of(1, 2))).toEqual(Float32Array.of(1.5, 2, 2.5, 3));
    expect(gather(images, new Int32Array(0))).toHaveLength(0);
  });

  it('copies: changing the batch leaves the data set alone', () => {
    gather(images, Int32Array.of(0)).fill(99);
    expect(images.data[0]).toBe(0);
  });

  it('refuses an index outside', () => {
    expect(() => gather(images, Int32Array.of(3))).toThrow('sample 3 is outside 0..2');
    expect(() => gather(images, Int32Array.of(-1))).toThrow('sample -1 is outside 0..2');
  });
});

describe('labelsOf', () => {
  it('gives the labels of the samples', () => {
    expect(labelsOf(images, Int32Array.of(1, 2, 1))).toEqual(Int32Array.of(0, 1, 0));
  });

  it('refuses an index outside and a data set without labels', () => {
    expect(() => labelsOf(images, Int32Array.of(3))).toThrow('sample 3 is outside 0..2');
    expect(() => labelsOf(points, Int32Array.of(0))).toThrow('tiny: the data set has no labels');
  });
});
