import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { imageGrid } from '../../artifacts/image-grid.ts';
import type { Picture } from '../../artifacts/picture.ts';
import { plotPoints } from '../../artifacts/plot-points.ts';
import { encodeImage, encodePng } from '../../artifacts/png.ts';

async function decode(picture: Uint8Array | Picture) {
  const png = picture instanceof Uint8Array ? picture : await encodePng(picture);
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) =>
    [...data.subarray((y * info.width + x) * info.channels)].slice(0, info.channels);
  // Raw pixels are converted to RGB; what the file has is in its header.
  const { channels } = await sharp(png).metadata();
  return { width: info.width, height: info.height, channels, at };
}

describe('imageGrid', () => {
  test('puts images row by row, with a gutter', async () => {
    // Five grey images of 3 x 2 pixels, each of one value.
    const values = [-1, -0.5, 0, 0.5, 1];
    const images = Float32Array.from(values.flatMap((value) => Array<number>(6).fill(value)));
    const grid = await decode(imageGrid(images, { count: 5, channels: 1, height: 3, width: 2 }));
    expect([grid.width, grid.height, grid.channels]).toEqual([3 * 4 - 2, 2 * 5 - 2, 1]);
    const corners = [0, 4, 8].map((x) => grid.at(x, 0)[0]);
    expect(corners).toEqual([0, 64, 128]);
    expect([0, 4].map((x) => grid.at(x, 5)[0])).toEqual([191, 255]);
    expect([grid.at(2, 0)[0], grid.at(0, 3)[0], grid.at(8, 5)[0]]).toEqual([64, 64, 64]);
  });

  test('planes become colours', async () => {
    const image = await decode(
      await encodeImage(Float32Array.of(1, -1, -1, 1, 0, 0), { channels: 3, height: 1, width: 2 }),
    );
    expect([image.at(0, 0), image.at(1, 0)]).toEqual([
      [255, 0, 128],
      [0, 255, 128],
    ]);
  });

  test('clips what lies outside, and draws NaN black', async () => {
    const image = await decode(
      await encodeImage(Float32Array.of(-7, 7, NaN), { channels: 1, height: 1, width: 3 }),
    );
    expect([0, 1, 2].map((x) => image.at(x, 0)[0])).toEqual([0, 255, 0]);
  });

  test('takes the number of columns', async () => {
    const shape = { count: 3, channels: 1, height: 1, width: 1 };
    const widthOf = async (columns: number) =>
      (await decode(imageGrid(new Float32Array(3), shape, { columns }))).width;
    expect([await widthOf(1), await widthOf(3), await widthOf(9)]).toEqual([1, 7, 7]);
  });

  test('refuses what does not fit', () => {
    const shape = { count: 2, channels: 1, height: 2, width: 2 };
    expect(() => imageGrid(new Float32Array(7), shape)).toThrow(
      '7 elements must fill [2, 1, 2, 2], which has 8',
    );
    expect(() => imageGrid(new Float32Array(8), { ...shape, channels: 2 })).toThrow(
      'channels 2 must be 1 or 3',
    );
    expect(() => imageGrid(new Float32Array(8), shape, { columns: 0 })).toThrow(
      'columns 0 must be an integer >= 1',
    );
    const wide = { count: 2, channels: 1, height: 1, width: 2 ** 28 };
    const images = { length: 2 ** 29 } as Float32Array;
    expect(() => imageGrid(images, wide)).toThrow(InputError);
    expect(() => imageGrid(images, wide)).toThrow(
      'a grid of 2 images has 536870914 x 1 pixels, must have at most 268435456; write single files instead',
    );
  });
});

describe('plotPoints', () => {
  const isWhite = (pixel: readonly number[]) => pixel.every((value) => value === 255);

  test('draws y upwards, in the middle of a square view', async () => {
    const plot = await decode(plotPoints(Float32Array.of(-1, -1, 1, 1, 1, -1)));
    const [low, high] = [Math.round(511 * 0.1), Math.round(511 * 0.9)];
    expect([plot.at(low, high), plot.at(high, low), plot.at(high, high)].some(isWhite)).toBe(false);
    expect(isWhite(plot.at(low, low))).toBe(true);
  });

  test('keeps the view of the reference; what is outside lies on the edge', async () => {
    const reference = Float32Array.of(0, 0, 1, 1);
    const plot = await decode(plotPoints(Float32Array.of(100, 0.5), { reference }));
    expect(isWhite(plot.at(511, 255))).toBe(false);
    expect(isWhite(plot.at(255, 255))).toBe(true);
  });

  test('survives no points, one point, and numbers that are not finite', async () => {
    for (const values of [[], [3, 4], [NaN, 1, Infinity, 2, 5, 6]])
      expect((await decode(plotPoints(Float32Array.from(values)))).width).toBe(512);
    expect(() => plotPoints(Float32Array.of(1, 2, 3))).toThrow('3 coordinates must make pairs');
  });
});
