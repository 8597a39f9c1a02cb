import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { discriminatorGraph, generatorGraph, samplerGraph } from '../../graph-builder/export.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { pythonLacks } from '../artifacts/python.ts';
import { sharedFolder } from '../temporary-folder.ts';
import { python } from './python.ts';
import { adam, dcgan, images, mlp, points, randomBatches, randomRecipe, recipeOf } from './recipes.ts';
import { controlRows, initialState, TrainingModel } from './training-run.ts';

const seed = 5;
const steps = 5;
const targets = ['cpu', 'portable'] as const;
const drivers = ['step', 'loop'] as const;
const sgd = { kind: 'sgd', learningRate: 0.01, momentum: 0.9 } as const;

const random = {
  dcgan: buildProgram(randomRecipe(dcgan), images(1, 32)),
  mlp: buildProgram(randomRecipe({ ...mlp, normalization: 'batch' }), points),
};

const programs: Readonly<Record<string, TrainingProgram>> = {
  'dcgan-32': buildProgram(recipeOf(dcgan), images(3, 32)),
  'dcgan-32-random': random.dcgan,
  'dcgan-16-other-layers': buildProgram(
    randomRecipe(
      { ...dcgan, upsampling: 'pixelShuffle', downsampling: 'averagePool', normalization: 'instance' },
      { loss: 'saturating', optimizer: { generator: adam, discriminator: sgd } },
    ),
    images(1, 16),
  ),
  'dcgan-16-nearest': buildProgram(
    recipeOf({ ...dcgan, upsampling: 'nearest', normalization: 'none', slope: 0 }, { emaDecay: 0.9 }),
    images(1, 16),
  ),
  mlp: buildProgram(recipeOf(mlp), images(1, 28)),
  'mlp-points-random': random.mlp,
};

const batchesOf = ({ recipe, sample }: TrainingProgram, count: number) => ({
  seed,
  real: randomBatches(recipe, sample, count),
});

const lacking = pythonLacks('onnx', 'onnxruntime', 'safetensors');

describe.skipIf(lacking)(`models in Python${lacking ? `, skipped: ${lacking}` : ''}`, () => {
  const folder = sharedFolder();
  const expected: Record<string, number[][]> = {};
  let printed: string | undefined;
  const checkAndTrain = () => (printed ??= python('onnx_models.py', folder));

  beforeAll(async () => {
    for (const [name, program] of Object.entries(programs)) {
      const state = initialState(program, seed);
      const batches = batchesOf(program, steps);
      for (const target of targets) {
        for (const [part, graph] of Object.entries({
          generator: generatorGraph(program, state),
          discriminator: discriminatorGraph(program, state),
          sampler: samplerGraph(program),
        }))
          writeFileSync(join(folder, `${name}-${part}-${target}.onnx`), encodeModel(compile(graph, target)));

        for (const driver of drivers) {
          const model = await TrainingModel.load(program, target, driver);
          const stem = `${name}-${driver}-${target}`;
          writeFileSync(join(folder, `${stem}.onnx`), model.bytes);
          const inputs = new Map([
            ...state,
            ['real', batches.real],
            ['controls', controlRows(program, 0, steps)],
            ['seed', tensor('int32', [seed], [])],
          ] as const);
          writeFileSync(join(folder, `${stem}.safetensors`), encodeSafetensors(inputs));
          const { telemetry } = await model.train(state, batches, 0, steps);
          expected[stem] = telemetry.map((row) => [...row]);
          await model.release();
        }
      }
    }
  });

  test('onnx.checker accepts every model, with shape inference', () => {
    checkAndTrain();
  });

  test(`onnxruntime for Python reproduces the telemetry of ${steps} steps within 1e-6`, () => {
    const actual = JSON.parse(checkAndTrain()) as Record<string, number[][]>;
    expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
    for (const [stem, rows] of Object.entries(expected))
      rows.forEach((row, step) => {
        row.forEach((value, i) => {
          const difference = Math.abs(actual[stem]![step]![i]! - value);
          expect(difference / Math.max(Math.abs(value), 1), `${stem}, step ${step}`).toBeLessThanOrEqual(
            1e-6,
          );
        });
      });
  });
});

describe.each(Object.entries(random))('%s with everything random, bit for bit', (_, program) => {
  const start = initialState(program, seed);
  const batches = batchesOf(program, 10);

  const trained = async (driver: (typeof drivers)[number], cuts: readonly number[] = [10]) => {
    const model = await TrainingModel.load(program, 'cpu', driver);
    let [state, from] = [start, 0];
    const telemetry: number[][] = [];
    for (const to of cuts) {
      const part = await model.train(state, batches, from, to);
      telemetry.push(...part.telemetry.map((row) => [...row]));
      [state, from] = [part.state, to];
    }
    await model.release();
    return { state: Object.fromEntries([...state].map(([name, { data }]) => [name, bits(data)])), telemetry };
  };

  test('the drivers agree', async () => {
    expect(await trained('loop')).toEqual(await trained('step'));
  });

  test('the same seed gives the same run', async () => {
    expect(await trained('loop')).toEqual(await trained('loop'));
  });

  test('10 steps are 5 and 5', async () => {
    expect(await trained('loop', [5, 10])).toEqual(await trained('loop'));
  });

  test('training changes the state, and another seed changes the run', async () => {
    const model = await TrainingModel.load(program, 'cpu', 'loop');
    const [a, b] = [
      await model.train(start, batches, 0, 1),
      await model.train(start, { ...batches, seed: 6 }, 0, 1),
    ];
    await model.release();
    expect(a.telemetry[0]!.every(Number.isFinite)).toBe(true);
    for (const [name, { data }] of a.state) expect(bits(data), name).not.toEqual(bits(start.get(name)!.data));
    expect([...a.telemetry[0]!]).not.toEqual([...b.telemetry[0]!]);
  });
});

/** The bytes of an array, so that NaN and -0 are compared as they are. */
const bits = (data: ArrayBufferView) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
