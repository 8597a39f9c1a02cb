import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { greatCircle, latents, sliceSeed, slerp } from '../../inference/latent.ts';

const norm = (v: Float32Array) => Math.hypot(...v);
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('latents', () => {
  test('a vector is the same whatever their number', () => {
    expect(latents(3, 10, 5)).toEqual(latents(70, 10, 5).slice(0, 30));
  });

  test('another seed, other vectors; extreme seeds too', () => {
    const seeds = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
    const all = seeds.map((seed) => latents(1, 8, seed).join());
    expect(new Set(all).size).toBe(seeds.length);
  });

  test.each<[readonly unknown[], string]>([
    [[-1, 8, 0], 'latents: n -1 must be an integer from 1 to 65536'],
    [[NaN, 8, 0], 'latents: n NaN must be an integer from 1 to 65536'],
    [[1.5, 8, 0], 'latents: n 1.5 must be an integer from 1 to 65536'],
    [['4', 8, 0], 'latents: n "4" must be an integer from 1 to 65536'],
    [[4], 'latents: zDim undefined must be an integer from 1 to 1073741824'],
    [
      [65536, 1e6, 0],
      'latents: n 65536 samples of [1000000] are more than 4 GiB; ask for at most 1073 at a time',
    ],
    [[1, 8, 2 ** 31], 'latents: seed 2147483648 must be an integer from -2147483648 to 2147483647'],
    [[1, 8], 'latents: seed undefined must be an integer from -2147483648 to 2147483647'],
    [[1, 8, 0, -1], 'latents: truncation -1 must be a number > 0'],
    [[1, 8, 0, { truncation: 1 }], 'latents: truncation [object Object] must be a number > 0'],
  ])('refuses %j', (args, message) => {
    expect(() => latents(...(args as Parameters<typeof latents>))).toThrow(new InputError(message));
  });

  test('are standard normal', () => {
    const z = latents(1000, 100, 3);
    const mean = z.reduce((a, b) => a + b, 0) / z.length;
    const variance = z.reduce((a, b) => a + (b - mean) ** 2, 0) / z.length;
    // Five standard errors of 100,000 draws.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(z.length));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / z.length));
  });

  test('truncation cuts off, with the variance of a truncated normal', () => {
    const z = latents(1000, 100, 3, 1);
    expect(z.every((value) => Math.abs(value) <= 1)).toBe(true);
    const variance = z.reduce((a, b) => a + b * b, 0) / z.length;
    // 1 - 2 phi(1) / (2 Phi(1) - 1)
    expect(variance).toBeCloseTo(0.2911, 2);
  });

  test('truncation keeps the order of the values, and beyond the largest changes nothing', () => {
    const z = latents(50, 4, 9);
    const cut = latents(50, 4, 9, 0.5);
    const ascending = [...z.keys()].sort((a, b) => z[a]! - z[b]!).map((i) => cut[i]!);
    expect(ascending).toEqual([...cut].sort((a, b) => a - b));
    expect(latents(50, 4, 9, 5)).toEqual(z);
    expect(latents(50, 4, 9, 1e-9).every((value) => Math.abs(value) < 1e-3)).toBe(true);
  });
});

test('the first slice has the seed itself, every other one of its own', () => {
  expect(sliceSeed(42, 0)).toBe(42);
  const seeds = [0, 1, 42].flatMap((seed) => [0, 1, 2, 3].map((slice) => sliceSeed(seed, slice)));
  expect(new Set(seeds).size).toBe(seeds.length);
  expect(seeds.every((seed) => seed === (seed | 0))).toBe(true);
});

describe('slerp', () => {
  const a = latents(1, 64, 1);
  const b = latents(1, 64, 2);

  test('ends are exact, and copies', () => {
    expect(slerp(a, b, 0)).toEqual(a);
    expect(slerp(a, b, 1)).toEqual(b);
    expect(slerp(a, b, 0)).not.toBe(a);
  });

  test('the middle of a right angle', () => {
    const middle = slerp(Float32Array.of(1, 0), Float32Array.of(0, 1), 0.5);
    expect(middle[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(middle[1]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('a third of a right angle between vectors of other lengths', () => {
    const [x, y] = slerp(Float32Array.of(2, 0), Float32Array.of(0, 3), 1 / 3);
    expect(x).toBeCloseTo(2 * Math.sin(Math.PI / 3), 6);
    expect(y).toBeCloseTo(3 * Math.sin(Math.PI / 6), 6);
  });

  test('stays on the shell, where a line cuts through', () => {
    const straight = a.map((value, i) => (value + b[i]!) / 2);
    const least = Math.min(norm(a), norm(b));
    expect(norm(straight)).toBeLessThan(0.85 * least);
    expect(norm(slerp(a, b, 0.5))).toBeGreaterThan(0.98 * least);
  });

  test('parallel, opposite and zero vectors are joined by a line', () => {
    const double = a.map((value) => 2 * value);
    expect(norm(slerp(a, double, 0.25))).toBeCloseTo(1.25 * norm(a), 4);
    const opposite = a.map((value) => -value);
    expect(norm(slerp(a, opposite, 0.5))).toBeLessThan(1e-5);
    expect(slerp(Float32Array.of(0, 0), Float32Array.of(2, 4), 0.5)).toEqual(Float32Array.of(1, 2));
  });

  test.each([
    [() => slerp(a, b.slice(1), 0.5), 'slerp: latent vectors of lengths 64 and 63 must be of one length'],
    [() => slerp(a, b, 1.5), 'slerp: t 1.5 must be in [0, 1]'],
    [() => slerp(a, b, NaN), 'slerp: t NaN must be in [0, 1]'],
    [() => slerp(a, b, '1' as never), 'slerp: t "1" must be in [0, 1]'],
    [() => slerp(a, 2 as never, 0.5), 'slerp: b 2 must be a latent vector, a Float32Array'],
    [() => greatCircle(a, b, 1), 'greatCircle: frames 1 must be an integer from 2 to 65536'],
    [() => greatCircle(1 as never, b, 3), 'greatCircle: a 1 must be a latent vector, a Float32Array'],
  ])('refuses wrong arguments %#', (call, message) => {
    expect(call).toThrow(new InputError(message));
  });
});

test('greatCircle goes in equal angles from end to end', () => {
  const [a, b] = [latents(1, 32, 1), latents(1, 32, 2)].map((v) => v.map((value) => value / norm(v)));
  const path = greatCircle(a!, b!, 5);
  const frame = (i: number) => path.slice(32 * i, 32 * (i + 1));
  expect(frame(0)).toEqual(a);
  expect(frame(4)).toEqual(b);
  const whole = Math.acos(dot(a!, b!));
  for (let i = 0; i < 4; i++) expect(Math.acos(dot(frame(i), frame(i + 1)))).toBeCloseTo(whole / 4, 4);
});
