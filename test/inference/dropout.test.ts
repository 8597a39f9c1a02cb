import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Generator } from '../../inference/node.ts';
import { latents } from '../../inference/latent.ts';
import { dropoutModel, dropoutRecipe, generatorModel, grey, plainRecipe } from './generators.ts';

// onnxruntime silently deletes a Dropout node; the generator's own must survive everything.

const model = generatorModel(dropoutRecipe, grey);
const z = latents(8, 12, 1);

const distance = (a: Float32Array, b: Float32Array) =>
  Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);

test('the same z with another seed is another picture; with the same seed it is the same, bit for bit', async () => {
  const generator = await Generator.load(model, { threads: 1 });
  const first = await generator.sample(8, { z, seed: 3 });
  const again = await generator.sample(8, { z, seed: 3 });
  const other = await generator.sample(8, { z, seed: 4 });
  await generator.dispose();
  expect(again.data).toEqual(first.data);
  expect(distance(other.data, first.data)).toBeGreaterThan(0.05);
});

test('every sample of a batch drops something else', async () => {
  const generator = await Generator.load(model, { threads: 1 });
  const same = Float32Array.from({ length: 2 * 12 }, (_, i) => z[i % 12]!);
  const { data } = await generator.sample(2, { z: same });
  await generator.dispose();
  expect(distance(data.slice(0, 256), data.slice(256))).toBeGreaterThan(0.05);
});

test('no level of graph optimisation changes it', async () => {
  const run = async (level: 'disabled' | 'basic' | 'extended' | 'all', seed: number) => {
    const session = await ort.InferenceSession.create(model, {
      graphOptimizationLevel: level,
      intraOpNumThreads: 1,
    });
    const { images } = await session.run({
      z: new ort.Tensor('float32', z, [8, 12]),
      seed: new ort.Tensor('int32', Int32Array.of(seed), []),
    });
    await session.release();
    return images!.data as Float32Array;
  };
  const plain = await run('disabled', 3);
  expect(distance(plain, await run('disabled', 4))).toBeGreaterThan(0.05);
  for (const level of ['basic', 'extended', 'all'] as const)
    // Fused kernels round otherwise; another mask would be a thousand times as far away.
    expect(distance(plain, await run(level, 3))).toBeLessThan(1e-5);
});

test('a generator without dropout takes no seed and gives one picture', async () => {
  const generator = await Generator.load(generatorModel(plainRecipe, grey), { threads: 1 });
  const a = await generator.sample(8, { z, seed: 3 });
  const b = await generator.sample(8, { z, seed: 4 });
  await generator.dispose();
  expect(generator.metadata.random).toBe(false);
  expect(b.data).toEqual(a.data);
});

test('half of what dropout sees is zero, in the exported generator in Node, and anew for every seed', async () => {
  const n = 1000;
  const session = await ort.InferenceSession.create(dropoutModel(0.5), { intraOpNumThreads: 1 });
  const run = async (seed: number) => {
    const results = await session.run({
      z: new ort.Tensor('float32', new Float32Array(n * 64).fill(1), [n, 64]),
      seed: new ort.Tensor('int32', Int32Array.of(seed), []),
    });
    return results.y!.data as Float32Array;
  };
  const [a, b] = [await run(1), await run(2)];
  await session.release();
  const zeros = (values: Float32Array) => values.filter((value) => value === 0).length / values.length;
  for (const values of [a, b]) {
    expect(Math.abs(zeros(values) - 0.5)).toBeLessThan(0.01);
    // What is kept is doubled, so that the mean stays.
    expect(values.every((value) => value === 0 || value === 2)).toBe(true);
  }
  expect(a.filter((value, i) => (value === 0) !== (b[i] === 0)).length / a.length).toBeCloseTo(0.5, 1.7);
});
