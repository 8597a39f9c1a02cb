import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { normals } from '../../graph-builder/hash.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import type { Recipe, SampleSpec } from '../../graph-builder/recipe.ts';
import { mixedPrecision } from '../../graph-builder/rewrites/mixed-precision.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { pythonLacks } from '../artifacts/python.ts';
import { sharedFolder } from '../temporary-folder.ts';
import { python } from './python.ts';
import { dcgan, images, mlp, points, randomBatches, recipeOf } from './recipes.ts';
import { initialState, readState, TrainingModel } from './training-run.ts';
import type { State } from './training-run.ts';

const seed = 7;
const lacking = pythonLacks('torch', 'safetensors');

describe.skipIf(lacking)(`mixed precision of PyTorch${lacking ? `, skipped: ${lacking}` : ''}`, () => {
  const folder = sharedFolder();

  // After the first step the momentum is the gradient.
  const sgd = { kind: 'sgd', learningRate: 1e-3, momentum: 0.9 } as const;
  const optimizer = { generator: sgd, discriminator: sgd };
  const common = { batch: 16, optimizer, precision: 'mixed' } as const;
  const cases: Readonly<Record<string, { recipe: Recipe; sample: SampleSpec }>> = {
    dcgan: { recipe: recipeOf({ ...dcgan, filters: 16 }, common), sample: images(3, 32) },
    'without-norm': {
      recipe: recipeOf({ ...dcgan, filters: 16, normalization: 'none' }, common),
      sample: images(1, 32),
    },
    'pixel-shuffle': {
      recipe: recipeOf(
        { ...dcgan, filters: 16, upsampling: 'pixelShuffle', downsampling: 'averagePool' },
        common,
      ),
      sample: images(1, 16),
    },
    mlp: { recipe: recipeOf({ ...mlp, hidden: 64 }, common), sample: images(1, 28) },
  };

  beforeAll(() => {
    for (const [name, { recipe, sample }] of Object.entries(cases)) {
      const shape = [1, recipe.batch, recipe.network.zDim];
      const z = tensor('float32', normals(seed, 0, 'z', shape[1]! * shape[2]!), shape);
      const tensors = new Map([
        ...initialState(buildProgram(recipe, sample), seed),
        ['real', randomBatches(recipe, sample, 1)],
        ['z', z],
      ] as const);
      const metadata = { case: JSON.stringify({ recipe, sample }) };
      writeFileSync(join(folder, `${name}.case.safetensors`), encodeSafetensors(tensors, metadata));
    }
    python('amp.py', folder);
  });

  const read = (name: string) => readState(join(folder, `${name}.safetensors`));

  /** Root mean square of what differs, over that of what is expected, of all gradients of a network together. */
  const error = (actual: State, expected: State, network: string) => {
    let [difference, size] = [0, 0];
    for (const [name, { data }] of expected) {
      if (!name.startsWith(network)) continue;
      const ours = actual.get(name)!.data;
      for (let i = 0; i < data.length; i++) {
        difference += (Number(ours[i]) - Number(data[i])) ** 2;
        size += Number(data[i]) ** 2;
      }
    }
    expect(size).toBeGreaterThan(0);
    return Math.sqrt(difference / size);
  };

  for (const [name, { recipe, sample }] of Object.entries(cases))
    for (const target of ['portable', 'cuda'] as const)
      test(`${name}: gradients are as exact as autocast's, compiled for ${target}`, async () => {
        const program = buildProgram(recipe, sample);
        const model = await TrainingModel.load(program, target, 'step', (graph) => mixedPrecision(graph, 64));
        const before = new Map(initialState(program, seed));
        const factor = tensor('float32', [1024], []);
        for (const player of ['generator', 'discriminator']) before.set(`lossScale/${player}/factor`, factor);
        const { state } = await model.train(before, { seed, real: randomBatches(recipe, sample, 1) }, 0, 1);
        await model.release();
        const [exact, theirs] = [read(`${name}.float64`), read(`${name}.float16`)];
        const ours = new Map(
          [...exact.keys()].map((parameter) => {
            const [network] = parameter.split('/');
            return [parameter, state.get(`optimizer/${network}/momentum/${parameter}`)!] as const;
          }),
        );
        for (const network of ['generator', 'discriminator']) {
          const [mine, autocast] = [error(ours, exact, network), error(theirs, exact, network)];
          // Both are what rounding to halves makes of it: one hundredth, and more where many gradients cancel out.
          expect(mine).toBeGreaterThan(autocast / 2);
          expect(mine).toBeLessThan(autocast * 2);
        }
      });

  test('the factor of a loss goes up and down as that of a GradScaler', async () => {
    const program = buildProgram(recipeOf(mlp, { ...common, batch: 4 }), points);
    const model = await TrainingModel.load(program, 'cpu', 'loop');
    const at = program.telemetry.indexOf('gLossScale');
    const start = initialState(program, seed);
    const [weight] = program.discriminator.parameters;
    const { shape } = weight!;
    // A discriminator of no numbers gives G gradients that are none, whatever the factor.
    const broken = tensor('float32', new Float32Array(sizeOf(shape)).fill(NaN), shape.map(Number));
    const pattern = [
      ['1', 3],
      ['0', 2],
      ['1', 2003],
      ['0', 1],
      ['1', 1999],
      ['1', 2],
    ] as const;
    const factors: number[] = [];
    let state: State = start;
    for (const [flag, times] of pattern) {
      const scales = [...state].filter(([name]) => name.startsWith('lossScale/'));
      const from = new Map([...start, ...scales, ...(flag === '0' ? [[weight!.name, broken] as const] : [])]);
      const real = randomBatches(program.recipe, program.sample, times);
      const trained = await model.train(from, { seed, real }, 0, times);
      factors.push(...trained.telemetry.map((row) => row[at]!));
      state = trained.state;
    }
    await model.release();
    const flags = pattern.map(([flag, times]) => flag.repeat(times)).join('');
    expect(factors).toEqual(JSON.parse(python('amp.py', 'scaler', flags)));
    expect([Math.min(...factors), factors.at(-1)]).toEqual([2 ** 14, 2 ** 15]);
  });
});
