import { expect, test } from 'vitest';
import { initialize } from '../../../graph-builder/initializer.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { chunkSource, mostSteps } from '../../../training/chunks.ts';
import type { Dataset } from '../../../training/data/dataset.ts';
import { createLocalEngine } from '../../../training/engine/local-engine.ts';
import { isResident, withResidentData } from '../../../training/engine/resident-data.ts';
import { engineSpec, trainingModels } from '../../../training/models.ts';
import { dcgan, images, randomBatches, recipeOf } from '../../parity/recipes.ts';

const cpu = { kind: 'cpu', index: 0 } as const;
const sample = images(1, 16);
const program = buildProgram(recipeOf({ ...dcgan, filters: 4 }), sample);
const count = 40;
const { data } = randomBatches({ ...program.recipe, batch: count }, sample, 1);
const dataset: Dataset = {
  name: 'random',
  kind: 'images',
  count,
  sampleShape: sample.shape,
  dtype: 'uint8',
  classes: [],
  labels: undefined,
  skipped: [],
  data: data as Uint8Array,
};

/** Two runs, of three steps and of one. */
async function train(resident: Dataset | undefined) {
  const models = trainingModels(program, cpu, 'cpu', resident);
  const engine = await createLocalEngine(engineSpec(program, cpu, 1, models));
  await engine.restore(new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)])));
  const chunkAt = chunkSource(program, dataset, 5, { resident: resident !== undefined });
  const runs = [await engine.run(chunkAt(0, 3)), await engine.run(chunkAt(3, 1))];
  const state = await engine.state();
  await engine.dispose();
  return { telemetry: runs.flatMap((run) => [...run.telemetry]), state };
}

test('training on data that the model has is the same, bit for bit', async () => {
  const given = await train(undefined);
  const resident = await train(dataset);
  expect(resident.telemetry).toEqual(given.telemetry);
  expect(resident.state).toEqual(given.state);
});

test('a step is then given the places of its samples', () => {
  const chunk = chunkSource(program, dataset, 5, { resident: true })(2, 3);
  const samples = program.samplesPerStep;
  expect([chunk.real.dtype, chunk.real.shape]).toEqual(['int32', [3, samples]]);
  expect(chunk.real.data.length).toBe(3 * samples);
  const loop = withResidentData(program.loopGraph(), dataset);
  const real = loop.inputs.find(({ name }) => name === 'real')!;
  expect([real.dtype, real.shape]).toEqual(['int32', ['K', samples]]);
});

test('data stay where they have a way to go, and room', () => {
  const cuda = { kind: 'cuda', index: 0 } as const;
  expect(
    [cpu, { kind: 'webgpu', index: 0 } as const, cuda].map((device) => isResident(device, dataset)),
  ).toEqual([false, false, true]);
  const large = { ...dataset, data: { byteLength: 2 ** 30 } as Uint8Array };
  expect(isResident(cuda, large)).toBe(false);
});

test('a run is given no more data than there is room for', () => {
  const perStep = (program.samplesPerStep * data.length) / count;
  expect(mostSteps(program, dataset)).toBe(Math.floor((256 * 2 ** 20) / perStep));
  expect(mostSteps(program, { ...dataset, data: { byteLength: 2 ** 40 } as Uint8Array })).toBe(1);
});
