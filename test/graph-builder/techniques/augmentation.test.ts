import { describe, expect, test } from 'vitest';
import { normals, uniforms } from '../../../graph-builder/hash.ts';
import { augmentation, augmentationOff } from '../../../graph-builder/techniques/13-augmentation.ts';
import type { AugmentationOptions } from '../../../graph-builder/techniques/13-augmentation.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { dcgan, recipeOf } from '../../parity/recipes.ts';
import { evaluate } from '../model.ts';
import { images, points, seed, sketch } from './program-steps.ts';

/* Steps of training with it are compared with PyTorch in parity/pytorch.test.ts. */

const [height, width] = [6, 8];
const count = 200;

const recipeWith = (options: Partial<AugmentationOptions>, techniques = {}) =>
  recipeOf(dcgan, {
    techniques: { ...techniquesOff, ...techniques, augmentation: { ...augmentationOff, ...options } },
  });

/** `count` images as D sees them, and as they were: an image is a list of channels, a channel one of rows. */
async function seen(options: Partial<AugmentationOptions>, channels = 1) {
  const sample = { kind: 'images', shape: [channels, height, width] } as const;
  const hooks = augmentation.hooks(recipeWith(options), sample)!;
  const { graph, step } = sketch(hooks);
  const data = normals(1, 0, 'images', count * channels * height * width);
  const x = graph.constant(tensor('float32', data, [count, ...sample.shape]));
  graph.output('y', hooks.discriminatorInput!(x, 'real', 'discriminator', step));
  const { y } = await evaluate(graph);
  return { before: asImages(data, channels), after: asImages(y!, channels) };
}

type Channel = readonly (readonly number[])[];
const asImages = (data: ArrayLike<number>, channels: number): Channel[][] =>
  Array.from({ length: count }, (_, n) =>
    Array.from({ length: channels }, (_, c) =>
      Array.from({ length: height }, (_, h) =>
        Array.from({ length: width }, (_, w) => data[((n * channels + c) * height + h) * width + w]!),
      ),
    ),
  );

const drawn = (stream: string) => uniforms(seed, 0, `augmentation/discriminator/real/${stream}`, count);
const pixel = (channel: Channel, h: number, w: number) => channel[h]?.[w] ?? 0;

describe('13 augmentation', () => {
  test('translation: each image lies somewhere else, as far as it says, and what comes in is 0', async () => {
    const { before, after } = await seen({ translation: 0.25 }, 3);
    // A quarter of 6, rounded, and of 8.
    const down = [...drawn('down')].map((u) => Math.floor(u * 5) - 2);
    const right = [...drawn('right')].map((u) => Math.floor(u * 5) - 2);
    expect(new Set(down.map((y, n) => `${y} ${right[n]!}`)).size).toBe(25);
    const expected = before.map((image, n) =>
      image.map((channel) =>
        channel.map((row, h) => row.map((_, w) => pixel(channel, h + down[n]!, w + right[n]!))),
      ),
    );
    expect(after).toEqual(expected);
  });

  test('translation: as little as it may be, by a pixel', async () => {
    const { before, after } = await seen({ translation: 0.01 });
    const [down, right] = ['down', 'right'].map((stream) =>
      [...drawn(stream)].map((u) => Math.floor(u * 3) - 1),
    );
    const expected = before.map((image, n) =>
      image.map((channel) =>
        channel.map((row, h) => row.map((_, w) => pixel(channel, h + down![n]!, w + right![n]!))),
      ),
    );
    expect(after).toEqual(expected);
  });

  test('mirror: some images are mirrored, the others are as they were', async () => {
    const { before, after } = await seen({ mirror: 0.3 });
    const mirrored = before.map((image) => image.map((channel) => channel.map((row) => row.toReversed())));
    const is = (images: Channel[][], n: number) => JSON.stringify(after[n]) === JSON.stringify(images[n]);
    const turned = before.map((_, n) => is(mirrored, n));
    expect(before.map((_, n) => is(before, n))).toEqual(turned.map((yes) => !yes));
    expect(turned.filter(Boolean).length / count).toBeCloseTo(0.3, 0.9);
  });

  test('cutout: a rectangle about a random pixel is 0, cut off at the edge', async () => {
    const { before, after } = await seen({ cutout: 0.5 });
    const top = [...drawn('cut-down')].map((u) => Math.floor(u * height) - 1);
    const left = [...drawn('cut-right')].map((u) => Math.floor(u * (width + 1)) - 2);
    const inside = (at: number, from: number, length: number) => at >= from && at < from + length;
    const expected = before.map((image, n) =>
      image.map((channel) =>
        channel.map((row, h) => row.map((x, w) => (inside(h, top[n]!, 3) && inside(w, left[n]!, 4) ? 0 : x))),
      ),
    );
    expect(after.map((image) => image.map((channel) => channel.map((row) => row.map((x) => x + 0))))).toEqual(
      expected,
    );
  });

  test.each([1, 0.4])('color of %d: brightness, saturation, contrast, in this order', async (color) => {
    const { before, after } = await seen({ color }, 3);
    const [brightness, saturation, contrast] = ['brightness', 'saturation', 'contrast'].map(drawn);
    const meanOf = (values: readonly number[]) => values.reduce((sum, x) => sum + x) / values.length;
    const spread = (x: number, mean: number, by: number) => mean + (x - mean) * by;
    before.forEach((image, n) => {
      const bright = image.map((channel) => channel.flat().map((x) => x + color * (brightness![n]! - 0.5)));
      const grey = bright[0]!.map((_, i) => meanOf(bright.map((channel) => channel[i]!)));
      const saturated = bright.map((channel) =>
        channel.map((x, i) => spread(x, grey[i]!, 1 + color * (2 * saturation![n]! - 1))),
      );
      const mean = meanOf(saturated.flat());
      const expected = saturated.flat().map((x) => spread(x, mean, 1 + color * (contrast![n]! - 0.5)));
      const actual = after[n]!.flat(2);
      expect(Math.max(...expected.map((x, i) => Math.abs(x - actual[i]!)))).toBeLessThan(2e-6);
    });
  });

  test('real and fake, in both steps, are changed each in another way', () => {
    const { nodes } = buildProgram(recipeWith({ translation: 0.1, mirror: 0.5 }), images(1, 16)).stepGraph();
    // Rows and columns of three batches.
    expect(
      nodes.filter(({ op, scope }) => op.type === 'MatMul' && scope.includes('augmentation')),
    ).toHaveLength(2 * 3 + 2);
  });

  test('is for images, and not beside an encoder', () => {
    expect(() => buildProgram(recipeWith({ mirror: 0.5 }), points)).toThrow(
      /^augmentation: is for images, and these are points; turn it off with --set techniques.augmentation.color=0 --set/,
    );
    const vae = { vae: { reconstruction: 1, prior: 1, layer: 1 } };
    expect(() => buildProgram(recipeWith({ mirror: 0.5 }, vae), images(1, 16))).toThrow(
      'augmentation: cannot be combined with vae; set all of techniques.augmentation or techniques.vae.reconstruction to 0',
    );
  });
});
