import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import sharp from 'sharp';
import { InputError } from '../../artifacts/errors.ts';
import { Generator, latents } from '../../inference/node.ts';
import type { SampleOptions } from '../../inference/node.ts';
import { conditionalModel, dropoutRecipe, generatorModel, grey, points, pointsRecipe } from './generators.ts';

let images: Generator;
let plane: Generator;
let labelled: Generator;

beforeAll(async () => {
  images = await Generator.load(generatorModel(dropoutRecipe, grey), { threads: 1 });
  plane = await Generator.load(generatorModel(pointsRecipe, points), { threads: 1 });
  labelled = await Generator.load(conditionalModel(), { threads: 1 });
});

afterAll(async () => {
  await Promise.all([images, plane, labelled].map((generator) => generator.dispose()));
});

const farthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), a.length === b.length ? 0 : Infinity);

describe('sample', () => {
  test('gives images in [-1, 1] with their latents', async () => {
    const { data, shape, z, labels } = await images.sample(3, { seed: 5 });
    expect(shape).toEqual([3, 1, 16, 16]);
    expect(data.length).toBe(3 * 256);
    expect(data.every((value) => Math.abs(value) <= 1)).toBe(true);
    expect(Math.max(...data) - Math.min(...data)).toBeGreaterThan(0.1);
    expect(z).toEqual(latents(3, 12, 5));
    expect(labels).toBeUndefined();
  });

  test('gives points', async () => {
    const { data, shape } = await plane.sample(5);
    expect(shape).toEqual([5, 2]);
    expect(data.length).toBe(10);
  });

  test('runs in slices: the first samples are the same whatever their number', async () => {
    const many = await images.sample(130, { seed: 2 });
    const few = await images.sample(70, { seed: 2 });
    // Fewer rows may go through another kernel.
    expect(farthest(few.data, many.data.slice(0, 70 * 256))).toBeLessThan(1e-5);
  });

  test('slices do not repeat their dropout', async () => {
    const one = latents(1, 12, 1);
    const z = Float32Array.from({ length: 128 * 12 }, (_, i) => one[i % 12]!);
    const { data } = await images.sample(128, { z });
    const image = (i: number) => data.slice(256 * i, 256 * (i + 1));
    expect(farthest(image(0), image(64))).toBeGreaterThan(0.1);
  });

  test('labels: one for all, one each, or the classes in turn', async () => {
    const z = new Float32Array(4 * 4);
    const valuesOf = async (label?: SampleOptions['label']) => {
      const { data, labels } = await labelled.sample(4, { z, ...(label !== undefined && { label }) });
      expect([...data.filter((_, i) => i % 4 === 0)]).toEqual([...labels!]);
      return [...labels!];
    };
    expect(await valuesOf(2)).toEqual([2, 2, 2, 2]);
    expect(await valuesOf([1, 0, 2, 1])).toEqual([1, 0, 2, 1]);
    expect(await valuesOf('dog')).toEqual([1, 1, 1, 1]);
    expect(await valuesOf(['fox', 0, 'dog', 2])).toEqual([2, 0, 1, 2]);
    expect(await valuesOf()).toEqual([0, 1, 2, 0]);
  });

  test.each<[number, SampleOptions, string]>([
    [0, {}, 'n 0 must be an integer from 1 to 65536'],
    [1.5, {}, 'n 1.5 must be an integer from 1 to 65536'],
    [65537, {}, 'n 65537 must be an integer from 1 to 65536'],
    [1, { seed: 2 ** 31 }, 'seed 2147483648 must be an integer from -2147483648 to 2147483647'],
    [1, { seed: 0.5 }, 'seed 0.5 must be an integer from -2147483648 to 2147483647'],
    [2, { z: new Float32Array(12) }, 'z has 12 elements, must have n x zDim = 2 x 12'],
    [1, { z: [0] as never }, 'z must be a Float32Array'],
    [1, { z: new Float32Array(12).fill(NaN, 3) }, 'z has NaN at element 3, must be finite'],
    [1, { truncation: 0 }, 'truncation 0 must be a number > 0'],
    [
      1,
      { truncation: 1, z: new Float32Array(12) },
      'truncation 1 is for drawn latents; z must not be given with it',
    ],
    [1, { label: 1 }, 'label is given, but this generator has no classes'],
    [1, { sed: 1 } as SampleOptions, 'options: sed is unknown; expected one of seed, label, z, truncation'],
  ])('refuses %s %j', async (n, options, message) => {
    await expect(images.sample(n, options)).rejects.toThrow(new InputError(message));
  });

  test.each<[SampleOptions['label'], string]>([
    [3, 'label 3 must be an integer from 0 to 2'],
    [-1, 'label -1 must be an integer from 0 to 2'],
    [[0, 0.5], 'label 0.5 must be an integer from 0 to 2'],
    [[0], 'label has 1 elements, must be one label or n = 2 of them'],
    [['cat', 'cow'], 'label: "cow" must be one of cat, dog, fox, or a number from 0 to 2'],
  ])('refuses label %j', async (label, message) => {
    await expect(labelled.sample(2, { label: label! })).rejects.toThrow(new InputError(message));
  });
});

describe('interpolate', () => {
  test('each frame is what its latent gives alone, with one and the same dropout', async () => {
    const { data, shape, z } = await images.interpolate(1, 2, 5, { seed: 9 });
    expect(shape).toEqual([5, 1, 16, 16]);
    expect(z.slice(0, 12)).toEqual(latents(1, 12, 1));
    expect(z.slice(48)).toEqual(latents(1, 12, 2));
    for (let i = 0; i < 5; i++) {
      const alone = await images.sample(1, { z: z.slice(12 * i, 12 * (i + 1)), seed: 9 });
      expect(data.slice(256 * i, 256 * (i + 1))).toEqual(alone.data);
    }
  });

  test('frames of one and the same latent do not flicker', async () => {
    const { data } = await images.interpolate(4, 4, 3);
    expect(data.slice(256, 512)).toEqual(data.slice(0, 256));
    expect(data.slice(512)).toEqual(data.slice(0, 256));
  });

  test('takes latents, points and classes', async () => {
    const ends = [Float32Array.of(1, 0, 0, 0), Float32Array.of(0, 1, 0, 0)] as const;
    expect((await plane.interpolate(...ends, 70)).shape).toEqual([70, 2]);
    expect([...(await labelled.interpolate(...ends, 3, { label: 1 })).labels!]).toEqual([1, 1, 1]);
    expect([...(await labelled.interpolate(...ends, 3)).labels!]).toEqual([0, 0, 0]);
  });

  test.each<[Parameters<Generator['interpolate']>, string]>([
    [[0, 1, 1], 'frames 1 must be an integer from 2 to 65536'],
    [[0.5, 1, 2], 'seed a 0.5 must be an integer from -2147483648 to 2147483647'],
    [[0, new Float32Array(3), 2], 'b has 3 elements, must have n x zDim = 1 x 12'],
    [[0, 1, 2, { seed: NaN }], 'seed NaN must be an integer from -2147483648 to 2147483647'],
    [[0, 1, 2, { label: 0 }], 'label is given, but this generator has no classes'],
    [[0, 1, 2, { z: 0 } as never], 'options: z is unknown; expected one of seed, label, path'],
  ])('refuses %j', async (args, message) => {
    await expect(images.interpolate(...args)).rejects.toThrow(new InputError(message));
  });
});

describe('toPng', () => {
  test('images as a grid', async () => {
    const png = await images.toPng(await images.sample(5));
    const { width, height, channels } = await sharp(png).metadata();
    expect([width, height, channels]).toEqual([3 * 18 - 2, 2 * 18 - 2, 1]);
  });

  test('points as a plot', async () => {
    const png = await plane.toPng(await plane.sample(50));
    const { width, height, channels } = await sharp(png).metadata();
    expect([width, height, channels]).toEqual([512, 512, 3]);
  });
});

test('toPng refuses unknown options', async () => {
  await expect(images.toPng(await images.sample(1), { rows: 2 } as never)).rejects.toThrow(
    new InputError('options: rows is unknown; expected one of columns'),
  );
});

test.each<[readonly number[], string]>([
  [[2, 1, 32, 32], '[2, 1, 32, 32]'],
  [[1, 2, 16, 8], '[1, 2, 16, 8]'],
  [[256], '[256]'],
  [[256, 1], '[256, 1]'],
  [[1, 1, -16, -16], '[1, 1, -16, -16]'],
  [[1, 1, 0.5, 512], '[1, 1, 0.5, 512]'],
  [[1, 1, '16', 16] as never, '[1, 1, 16, 16]'],
])('toPng refuses shape %j', async (shape, told) => {
  await expect(images.toPng({ data: new Float32Array(256), shape })).rejects.toThrow(
    new InputError(
      `samples: 256 elements of shape ${told} must be images [n, 1 or 3, H, W] or points [n, 2]`,
    ),
  );
});

test('toPng refuses images of no pixels', async () => {
  await expect(images.toPng({ data: new Float32Array(), shape: [1, 1, 0, 5] })).rejects.toThrow(
    new InputError(
      'samples: 0 elements of shape [1, 1, 0, 5] must be images [n, 1 or 3, H, W] or points [n, 2]',
    ),
  );
});

describe('calls', () => {
  test('overlap without mixing, and one that fails leaves the others alone', async () => {
    const results = await Promise.allSettled([
      images.sample(3, { seed: 1 }),
      images.sample(0),
      images.sample(2, { seed: 2 }),
      images.interpolate(0, 1, 0),
      images.sample(3, { seed: 1 }),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    const dataOf = (i: number) => (results[i] as PromiseFulfilledResult<{ data: Float32Array }>).value.data;
    expect(dataOf(4)).toEqual(dataOf(0));
    expect(dataOf(2)).toEqual((await images.sample(2, { seed: 2 })).data);
  });

  test('take their arguments when they are made', async () => {
    const [z, a, options] = [latents(1, 12, 1), latents(1, 12, 2), { seed: 3 }];
    const make = () => [
      images.sample(1, { z, ...options }),
      images.sample(20, options),
      images.interpolate(a, z, 2, options),
    ];
    const expected = await Promise.all(make());
    const waiting = make();
    z.fill(0);
    a.fill(0);
    options.seed = 4;
    const found = await Promise.all(waiting);
    expect(found).toEqual(expected);
    expect(await Promise.all(make())).not.toEqual(expected);
    expect(found[0]!.z).toEqual(latents(1, 12, 1));
  });

  test('take views of shared memory', async () => {
    const z = new Float32Array(new SharedArrayBuffer(48)).fill(1);
    const [plain, options] = [Float32Array.from(z), { seed: 3 }];
    const drawn = await images.sample(1, { z, ...options });
    expect(drawn).toEqual(await images.sample(1, { z: plain, ...options }));
    expect(drawn.z.buffer).toBeInstanceOf(ArrayBuffer);
    expect(await images.interpolate(z, 2, 2)).toEqual(await images.interpolate(plain, 2, 2));
  });

  test('dispose waits for what is under way; after it a call says so', async () => {
    const generator = await Generator.load(conditionalModel(), { threads: 1 });
    const underWay = generator.sample(100);
    const disposal = generator.dispose();
    await expect(generator.sample(1)).rejects.toThrow(
      new InputError('generator: the generator has been disposed of'),
    );
    expect((await underWay).shape[0]).toBe(100);
    await disposal;
    await generator.dispose();
    await expect(generator.interpolate(0, 1, 2)).rejects.toThrow('has been disposed of');
  });
});
