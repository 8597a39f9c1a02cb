import { expect, it } from 'vitest';
import { uniformStream } from '../../../training/data/integer-hash.ts';
import { shiftImages } from '../../../training/metrics/shift-images.ts';

/** Hands out the numbers given. */
const sequence =
  (...values: number[]) =>
  () =>
    values.shift()!;

it('moves an image right by the first number and down by the second, and fills with 0', () => {
  const images = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
  shiftImages(images, 3, 1, sequence(0.99, 0));
  expect([...images]).toEqual([0, 4, 5, 0, 7, 8, 0, 0, 0]);
});

it('leaves an image where the middle is drawn, and treats each on its own', () => {
  const images = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  shiftImages(images, 2, 1, sequence(0.5, 0.5, 0.1, 0.5));
  expect([...images]).toEqual([1, 2, 3, 4, 6, 0, 8, 0]);
});

it('draws every offset within reach equally often', () => {
  const size = 7;
  const uniform = uniformStream(0);
  const counts = new Map<number, number>();
  for (let i = 0; i < 5000; i++) {
    const image = new Uint8Array(size * size);
    image[3 * size + 3] = 1;
    shiftImages(image, size, 2, uniform);
    counts.set(image.indexOf(1), (counts.get(image.indexOf(1)) ?? 0) + 1);
  }
  expect(counts.size).toBe(25);
  // 200 expected each, standard deviation 14.
  for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
});
