import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { planeCover } from '../../../training/data/cover.ts';

/** A smooth test picture with structure in both directions. */
function wave(width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = ((i % width) + 0.5) / width;
    const y = (Math.floor(i / width) + 0.5) / height;
    return 128 + 60 * Math.sin(7 * x + 1) + 60 * Math.cos(5 * y);
  });
}

function covered(plane: Uint8Array, width: number, height: number, size: number): Uint8Array {
  const out = new Uint8Array(size * size);
  planeCover(width, height, size)(plane, out);
  return out;
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

describe('planeCover', () => {
  // Not compared with sharp, which shifts an image by up to half a pixel when it enlarges.
  it.each([
    [28, 28, 32],
    [28, 28, 64],
    [40, 28, 56],
    [28, 40, 42],
  ])('enlarges without a shift: %d x %d to %d', (width, height, size) => {
    const scale = size / Math.min(width, height);
    const wanted = new Uint8Array(size * size);
    planeCover(width * scale, height * scale, size)(wave(width * scale, height * scale), wanted);
    expect(meanDifference(covered(wave(width, height), width, height, size), wanted)).toBeLessThan(0.8);
  });

  it.each([
    [28, 28, 14],
    [100, 100, 24],
    [30, 60, 12],
  ])('shrinks as sharp does: %d x %d to %d', async (width, height, size) => {
    const plane = wave(width, height);
    const wanted = await sharp(plane, { raw: { width, height, channels: 1 } })
      .resize(size, size, { fit: 'cover' })
      .extractChannel(0)
      .raw()
      .toBuffer();
    expect(meanDifference(covered(plane, width, height, size), wanted)).toBeLessThan(0.8);
  });

  it('copies at the same size', () => {
    const plane = wave(9, 9);
    expect(covered(plane, 9, 9, 9)).toEqual(plane);
  });

  it('only crops, at the centre, when the shorter side fits', () => {
    const plane = Uint8Array.from({ length: 7 * 4 }, (_, i) => i % 7);
    expect([...covered(plane, 7, 4, 4)]).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
    const tall = Uint8Array.from({ length: 4 * 8 }, (_, i) => Math.floor(i / 4));
    expect([...covered(tall, 4, 8, 4)]).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]);
  });

  it.each([5, 8, 13, 31, 200])('keeps a flat plane flat and a mirrored one mirrored at %d', (size) => {
    expect(new Set(covered(new Uint8Array(20 * 13).fill(200), 20, 13, size))).toEqual(new Set([200]));
    const half = Uint8Array.from({ length: 20 * 20 }, (_, i) => 12 * Math.min(i % 20, 19 - (i % 20)));
    const out = covered(half, 20, 20, size);
    for (let x = 0; x < size; x++) {
      expect(Math.abs(out[x]! - out[size - 1 - x]!)).toBeLessThanOrEqual(1);
    }
  });

  it('clips what the kernel overshoots', () => {
    const edge = Uint8Array.from({ length: 16 * 16 }, (_, i) => (i % 16 < 8 ? 0 : 255));
    const row = [...covered(edge, 16, 16, 64).subarray(0, 64)];
    expect(row.slice(0, 28)).toEqual(new Array(28).fill(0));
    expect(row.slice(36)).toEqual(new Array(28).fill(255));
  });

  it('does not alias when it shrinks', () => {
    const stripes = Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 2) * 255);
    for (const value of covered(stripes, 64, 64, 16).subarray(16 * 8 + 4, 16 * 8 + 12)) {
      expect(Math.abs(value - 127.5)).toBeLessThan(8);
    }
  });
});
