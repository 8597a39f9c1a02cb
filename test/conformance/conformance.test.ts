import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { normals, uniforms } from '../../graph-builder/hash.ts';
import type { Optimization } from '../../inference/settings.ts';
import { browser } from './browser-peer.ts';
import { channel, drawing, randomness } from './models.ts';
import { nodeCpu, nodeWebgpu } from './node-peer.ts';
import type { Call, Peer, RuntimeUnderTest } from './peer.ts';
import { pythonOnnxruntime } from './python-peer.ts';

// One generator, one z, one seed, one label: one picture, on everything that runs ONNX.

const runtimes = [
  nodeCpu,
  nodeWebgpu,
  browser('wasm, 1 thread', { device: 'wasm', threads: 1 }),
  browser('wasm, 2 threads', { device: 'wasm', threads: 2 }),
  browser('webgpu', { device: 'webgpu' }),
  pythonOnnxruntime,
];

const levels: readonly Optimization[] = ['disabled', 'basic', 'extended', 'all'];

const seeds = [3, -7] as const;
const ones = Array<number>(16 * channel).fill(1);
const randomCalls: readonly Call[] = seeds.map((seed) => ({ n: 16, seed, z: ones }));
const drawCalls: readonly Call[] = [
  { n: 8, seed: seeds[0], label: 1 },
  { n: 8, seed: seeds[1], label: 1 },
  { n: 3, seed: seeds[0], label: 2 },
];

/** Channel `index` of every sample, one after the other. */
const channelOf = (values: Float32Array, index: number) =>
  values.filter((_, i) => Math.floor(i / channel) % 4 === index);

const farthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), a.length === b.length ? 0 : Infinity);

const titleOf = ({ name, lacks }: RuntimeUnderTest) => (lacks ? `${name} (skipped: ${lacks})` : name);

/** What all others are held against. */
let reference: Float32Array[];

beforeAll(async () => {
  const peer = await nodeCpu.open();
  reference = await peer.draw(drawing, 'all', drawCalls);
});

describe.each(runtimes.map((runtime) => ({ ...runtime, title: titleOf(runtime) })))(
  '$title',
  ({ lacks, open }) => {
    let peer: Peer | undefined;
    beforeAll(async () => {
      if (!lacks) peer = await open();
    });
    afterAll(() => peer?.close());

    describe.skipIf(lacks !== undefined).each(levels)('optimisation %s', (level) => {
      test('random numbers are those of the host, bit for bit, and half of what dropout sees is zero', async () => {
        const results = await peer!.draw(randomness, level, randomCalls);
        results.forEach((values, i) => {
          const length = 16 * channel;
          expect(channelOf(values, 1)).toEqual(uniforms(seeds[i]!, 0, 'uniform', length));
          expect(channelOf(values, 2)).toEqual(normals(seeds[i]!, 0, 'normal', length));
          // A mask is 1 where a uniform number of its stream is in the upper quarter.
          const mask = uniforms(seeds[i]!, 0, 'mask', length).map((u) => Number(u >= 0.75));
          expect(channelOf(values, 0)).toEqual(mask);
          const dropped = channelOf(values, 3);
          expect(dropped.every((value) => value === 0 || value === 2)).toBe(true);
          // Five standard deviations of 1024 draws.
          expect(Math.abs(dropped.filter((value) => value === 0).length / length - 0.5)).toBeLessThan(0.08);
        });
        const [a, b] = results.map((values) => channelOf(values, 3));
        expect(a!.filter((value, i) => value !== b![i]).length / a!.length).toBeCloseTo(0.5, 0.9);
      });

      test('the same z, seed and label give the same images to 1e-4; another seed or label does not', async () => {
        const results = await peer!.draw(drawing, level, drawCalls);
        results.forEach((values, i) => {
          expect(farthest(values, reference[i]!)).toBeLessThan(1e-4);
        });
        const [a, other, labelled] = results as [Float32Array, Float32Array, Float32Array];
        expect(farthest(a, other)).toBeGreaterThan(0.05);
        expect(farthest(a.slice(0, labelled.length), labelled)).toBeGreaterThan(0.05);
      });
    });
  },
);
