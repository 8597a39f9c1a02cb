import { expect, test } from 'vitest';
import { loadQuietRuntime } from '../../../artifacts/onnxruntime-node.ts';
import { initialize } from '../../../graph-builder/initializer.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { print } from '../../../graph-builder/print.ts';
import { compile } from '../../../graph-builder/rewrites/index.ts';
import { storeAsUsed } from '../../../graph-builder/rewrites/store-as-used.ts';
import { tensor } from '../../../graph-builder/types.ts';
import type { Tensor } from '../../../graph-builder/types.ts';
import { createLocalEngine } from '../../../training/engine/local-engine.ts';
import { fromLayout, toLayout } from '../../../training/engine/relayout.ts';
import { HostState } from '../../../training/engine/host-state.ts';
import { engineSpec, trainingModels } from '../../../training/models.ts';
import { dcgan, images, randomBatches, randomRecipe } from '../../parity/recipes.ts';

const device = { kind: 'cpu', index: 0 } as const;
const sample = images(1, 16);
const program = buildProgram(randomRecipe({ ...dcgan, filters: 4 }), sample);
const models = trainingModels(program, device);
const initial = () => new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)]));
const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const range = (shape: readonly number[]) =>
  tensor(
    'float32',
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    shape,
  );

test('a layout says which axis of the tensor each stored axis is', () => {
  const stored = toLayout(range([2, 3, 1, 2]), [2, 3, 1, 0]);
  expect(stored.shape).toEqual([1, 2, 3, 2]);
  expect([...stored.data]).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
  expect(fromLayout(stored, [2, 3, 1, 0])).toEqual(range([2, 3, 1, 2]));
});

test('the training graph transposes no tensor of the state in a run of its own', () => {
  const stored = storeAsUsed(compile(program.loopGraph(), 'cpu'));
  const convolutions = program.state.filter(({ shape }) => shape.length === 4).map(({ name }) => name);
  expect(convolutions.length).toBeGreaterThan(0);
  expect([...stored.layouts.keys()].sort()).toEqual(convolutions.sort());
  expect(stored.graph.nodes.filter(({ op }) => op.type === 'Transpose')).toEqual([]);
  const plain = compile(program.loopGraph(), 'portable');
  expect(print(storeAsUsed(plain).graph)).toBe(print(plain));
});

test('training on a state that is stored as it is used is the same, bit for bit', async () => {
  const real = randomBatches(program.recipe, sample, 1);
  const controls = tensor(
    'float32',
    program.controls.map((control) => control.at(0)),
    [1, program.controls.length],
  );
  const finals = [];
  for (const [trainingModel, layouts] of [
    [models.loop, new Map()],
    [models.engine, models.layouts],
  ] as const) {
    const engine = await createLocalEngine({
      ...engineSpec(program, device, 1, models),
      trainingModel,
      layouts,
    });
    await engine.restore(initial());
    for (const step of [0, 1]) {
      await engine.run({ steps: 1, step, seed: 3, real, controls });
      // What was looked at is still there after the next run.
      if (step === 0) await engine.state();
    }
    const z = range([2, program.recipe.network.zDim]);
    finals.push({ state: await engine.state(), images: await engine.generate(z, 5) });
    await engine.dispose();
  }
  const [plain, stored] = finals;
  expect([...stored!.state.keys()]).toEqual([...plain!.state.keys()]);
  for (const [name, value] of plain!.state) {
    expect(stored!.state.get(name)!.shape, name).toEqual(value.shape);
    expect(bytes(stored!.state.get(name)!).equals(bytes(value)), name).toBe(true);
  }
  expect(bytes(stored!.images).equals(bytes(plain!.images))).toBe(true);
});

test('a move between tensors of other layouts moves the plain tensor', async () => {
  const state = new HostState(await loadQuietRuntime(), new Map([['live', [1, 0]]]));
  state.restore(
    new Map([
      ['live', range([2, 3])],
      ['parked', tensor('float32', [9, 9, 9, 9, 9, 9], [2, 3])],
    ]),
  );
  expect([...state.feeds.get('live')!.dims]).toEqual([3, 2]);
  state.move([{ from: 'live', to: 'parked' }]);
  expect((await state.all()).get('parked')).toEqual(range([2, 3]));
  state.move([{ from: 'parked', to: 'live' }]);
  expect((await state.all()).get('live')).toEqual(range([2, 3]));
});

test('a buffer that several tensors share is freed with the last of them', async () => {
  const ort = await loadQuietRuntime();
  const state = new HostState(ort, new Map());
  const both = new Float32Array([1, 2, 3, 4]);
  const part = (start: number): Tensor => ({
    dtype: 'float32',
    shape: [2],
    data: both.subarray(start, start + 2),
  });
  state.restore(
    new Map([
      ['a', part(0)],
      ['b', part(2)],
    ]),
  );
  state.advance({ 'next/a': new ort.Tensor('float32', Float32Array.of(5, 6), [2]) });
  expect([...(state.feeds.get('b')!.data as Float32Array)]).toEqual([3, 4]);
  state.advance({ 'next/b': new ort.Tensor('float32', Float32Array.of(7, 8), [2]) });
  expect(both.length).toBe(0);
});
