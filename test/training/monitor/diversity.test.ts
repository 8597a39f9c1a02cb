import { expect, it } from 'vitest';
import { normals } from '../../../graph-builder/hash.ts';
import { DiversityMeter } from '../../../training/monitor/diversity.ts';

const [count, size] = [64, 48];
const real = normals(1, 0, 'real', count * size);
const other = normals(2, 0, 'other', count * size);
const measure = (samples: Float32Array) => new DiversityMeter(real, count).measure(samples);

it('is near 1 for samples like the data', () => {
  expect(measure(other)).toBeGreaterThan(0.95);
  expect(measure(real)).toBe(1);
});

it('is 0 for one sample over and over, and small for one with a little noise', () => {
  const one = (i: number) => other[i % size]!;
  expect(measure(real.map((_, i) => one(i)))).toBe(0);
  expect(measure(real.map((noise, i) => one(i) + 0.1 * noise))).toBeCloseTo(0.1, 2);
});

it('is small for a few samples that repeat, however different these are', () => {
  const five = real.map((noise, i) => other[i % (5 * size)]! + 0.05 * noise);
  expect(measure(five)).toBeLessThan(0.1);
});

it('looks only at as many samples as there are real ones, and is not a number where one is not', () => {
  const long = new Float32Array(2 * count * size);
  long.set(other);
  expect(measure(long)).toBe(measure(other));
  expect(measure(other.map((value, i) => (i === 5 ? NaN : value)))).toBeNaN();
});

it('demands nothing where all real samples are equal', () => {
  expect(new DiversityMeter(new Float32Array(12), 4).measure(new Float32Array(12))).toBe(1);
});
