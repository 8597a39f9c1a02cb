import { describe, expect, it } from 'vitest';
import { encodeMetadata } from '../../../artifacts/metadata.ts';
import { encodeModel } from '../../../artifacts/onnx/encode.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { add, cast, mul } from '../../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../../graph-builder/ops/movement.ts';
import { reduceMean } from '../../../graph-builder/ops/reduction.ts';
import { RandomStreams } from '../../../graph-builder/random.ts';
import { compile } from '../../../graph-builder/rewrites/index.ts';
import { sliceSize } from '../../../inference/generator.ts';
import { Generator } from '../../../inference/node.ts';
import { planSamples } from '../../../inference/plan.ts';
import { Batcher } from '../../../inference/server/batcher.ts';
import { sampleRows } from '../../../inference/rows.ts';
import {
  conditionalModel,
  dropoutRecipe,
  generatorModel,
  grey,
  metadataOf,
  plainRecipe,
  points,
  pointsRecipe,
} from '../generators.ts';
import { base64, digest, loadRows, post, service, together, Watched } from './service.ts';

const load = async (model: Uint8Array, maxBatch = 64) => new Watched(await loadRows(model, maxBatch));

/** Requests of many kinds: one slice, several, a piece of one, frames; each with a seed of its own. */
const bodies = [
  { url: '/v1/generate', body: { n: 1, seed: 3 } },
  { url: '/v1/generate', body: { n: 5, seed: 3 } },
  { url: '/v1/generate', body: { n: sliceSize + 7, seed: -9 } },
  { url: '/v1/interpolate', body: { a: 4, b: 5, frames: 6, seed: 8 } },
  { url: '/v1/generate', body: { n: 2, seed: 2 ** 31 - 1 } },
  { url: '/v1/generate', body: { n: 3 * sliceSize, seed: -(2 ** 31) } },
].map(({ url, body }) => ({ url, body: { ...body, format: 'json' } }));

/** What the library gives for them. */
async function alone(model: Uint8Array): Promise<string[]> {
  const generator = await Generator.load(model, { threads: 1 });
  const samples = [];
  for (const { body } of bodies)
    samples.push(
      'n' in body
        ? await generator.sample(body.n, { seed: body.seed })
        : await generator.interpolate(body.a, body.b, body.frames, { seed: body.seed }),
    );
  await generator.dispose();
  return samples.map(({ data }) => digest(base64(data)));
}

const models = {
  'a generator with dropout': () => generatorModel(dropoutRecipe, grey),
  'a generator without': () => generatorModel(plainRecipe, grey),
  'a generator of points': () => generatorModel(pointsRecipe, points),
  'a generator with classes': () => conditionalModel(),
};

describe.each(Object.entries(models))('%s', (_, make) => {
  it.each([1, 3, 64, 500])(
    'gives each of many requests the bits of a lone one, in runs of up to %i',
    async (maxBatch) => {
      const model = make();
      const runner = await load(model, maxBatch);
      const app = await service(runner, { maxBatch });
      const expected = await alone(model);
      const found = await together(app, runner, bodies);
      expect(found.map(({ status }) => status)).toEqual(bodies.map(() => 200));
      expect(found.map(({ body }) => digest(body!.data!))).toEqual(expected);
      // Not by running them one by one.
      const rows = bodies.reduce((sum, { body }) => sum + ('n' in body ? body.n : body.frames), 0);
      expect(runner.mixes).toBe(true);
      expect(runner.runs).toHaveLength(Math.ceil(rows / maxBatch));
      expect(Math.max(...runner.runs)).toBe(Math.min(rows, maxBatch));
    },
  );
});

it('noise differs between seeds and places, so that equal bits say something', async () => {
  const app = await service(generatorModel(dropoutRecipe, grey));
  const z = 7;
  const frames = async (seed: number) =>
    (await post(app, '/v1/interpolate', { a: z, b: z, frames: 2, seed, format: 'json' })).body!.data;
  expect(await frames(1)).toBe(await frames(1));
  expect(await frames(1)).not.toBe(await frames(2));
});

/** Generators whose rows must not be mixed, though each looks as if they could. */
const unmixable = {
  'rows that know of each other': (z: Value) => add(z, reduceMean(z, [0])),
  'noise of another make': (z: Value, seed: Value, random: RandomStreams) =>
    mul(mul(z, random.mask('mask', ['N', 4], 0.5)), reshape(cast(seed, 'float32'), [1])),
  'the same noise in every row': (z: Value, _seed: Value, random: RandomStreams) =>
    add(z, random.normal('noise', [1, 4])),
};

describe.each(Object.entries(unmixable))('%s', (_, layer) => {
  it('are found out when the model is loaded, and slices are run alone', async () => {
    const model = generatorOf(layer);
    const runner = await load(model);
    expect(runner.mixes).toBe(false);
    const app = await service(runner);
    const found = await together(app, runner, bodies);
    expect(found.map(({ body }) => digest(body!.data!))).toEqual(await alone(model));
    expect(runner.runs).toEqual([1, 5, 64, 7, 1, 1, 1, 1, 1, 1, 2, 64, 64, 64]);
  });
});

/** z [N, 4] through a layer, as images [N, 1, 2, 2]. */
function generatorOf(layer: (z: Value, seed: Value, random: RandomStreams) => Value): Uint8Array {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', 4]);
  const seed = graph.input('seed', 'int32', []);
  const random = RandomStreams.of(graph, seed, graph.scalar(0, 'int32'));
  graph.output('images', reshape(layer(z, seed, random), ['N', 1, 2, 2]));
  const metadata = { ...metadataOf(dropoutRecipe, grey), zDim: 4, shape: [1, 2, 2] };
  return encodeModel(compile(graph, 'portable'), { metadata: encodeMetadata(metadata) });
}

describe('a run', () => {
  const rows = (n: number, seed: number) =>
    sampleRows(planSamples(metadataOf(plainRecipe, grey), n, { seed }));
  const batcher = async (window: number, maxBatch: number) => {
    const runner = await load(generatorModel(plainRecipe, grey), maxBatch);
    return { runner, batch: new Batcher(runner, { window, maxBatch }) };
  };
  const forever = 2 ** 31 - 1;

  it('waits for others while the window is open', async () => {
    const { runner, batch } = await batcher(50, 64);
    const start = performance.now();
    await Promise.all([batch.run(rows(3, 1)), batch.run(rows(1, 2))]);
    expect(performance.now() - start).toBeGreaterThan(49);
    expect(runner.runs).toEqual([4]);
  });

  it('does not wait when it is full, nor without a window', async () => {
    const full = await batcher(forever, 4);
    await Promise.all([full.batch.run(rows(3, 1)), full.batch.run(rows(1, 2))]);
    expect(full.runner.runs).toEqual([4]);
    const eager = await batcher(0, 4);
    await eager.batch.run(rows(1, 1));
    expect(eager.runner.runs).toEqual([1]);
  });

  it('that fails for one request fails for that one alone', async () => {
    const runner = await load(conditionalModel({ classes: [] }));
    const unexpected: string[] = [];
    const app = await service(runner, {
      onUnexpected: ({ message }) => unexpected.push(message),
    });
    const run = runner.run.bind(runner);
    runner.run = (rows) => (rows.labels!.includes(13) ? Promise.reject(new Error('label 13')) : run(rows));
    const found = await together(
      app,
      runner,
      [0, 13, 2].map((label) => ({ url: '/v1/generate', body: { label, format: 'json' } })),
    );
    expect(found.map(({ status, body }) => [status, body!.labels ?? body!.message])).toEqual([
      [200, [0]],
      [500, 'label 13'],
      [200, [2]],
    ]);
    expect(unexpected).toEqual(['label 13']);
    expect((await post(app, '/v1/generate', {})).status).toBe(200);
  });
});
