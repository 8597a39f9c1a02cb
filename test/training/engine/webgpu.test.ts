import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listCheckpoints } from '../../../artifacts/checkpoint.ts';
import type { Recipe, SampleSpec } from '../../../graph-builder/recipe.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';
import { program as ganxProgram, run } from '../../ganx.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { dcgan, images, mlp, points, randomRecipe, recipeOf } from '../../parity/recipes.ts';
import { onWebgpu, webgpuEnvironment, webgpuLacks } from '../../software-webgpu.ts';

/* Training with the state on a WebGPU device, against training on the CPU. Shaders are compiled on the processor: slow. */

interface Report {
  readonly changedByRoundTrip: string[];
  readonly telemetry: number[][];
  readonly resumed: number[][];
  readonly changedByResume: string[];
  readonly drawn: number[];
  readonly state: [name: string, values: number[]][];
  readonly stateBytes: number;
  readonly grown: number;
}

const steps = 6;
const patience = 900_000;

async function trainOn(device: string, recipe: Recipe, sample: SampleSpec, more = 0): Promise<Report> {
  const program = join(import.meta.dirname, 'train-in-process.js');
  const input = JSON.stringify({ recipe, sample });
  const args = ['--expose-gc', program, device, String(steps), String(more)];
  const outcome = await run(process.execPath, args, { env: webgpuEnvironment() }, input);
  expect({ code: outcome.code, stderr: outcome.stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(outcome.stdout) as Report;
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Infinity;

const { techniques } = randomRecipe(dcgan);
const cases: readonly (readonly [string, Recipe, SampleSpec])[] = [
  ['an MLP on points', randomRecipe(mlp, { batch: 8 }), points],
  [
    'a DCGAN with labels, replay and snapshots',
    recipeOf(
      { ...dcgan, filters: 8 },
      {
        emaDecay: 0.99,
        techniques: {
          ...techniques,
          labels: { weight: 1, embedding: 'latent', width: 4 },
          replay: { size: 8, probability: 0.5 },
          snapshots: { count: 2, every: 2, steps: 1 },
        },
      },
    ),
    { ...images(1, 16), classes: 3 },
  ],
];

describe.skipIf(webgpuLacks !== undefined).each(cases)(onWebgpu('%s'), (_, recipe, sample) => {
  test(
    'trains as on the CPU, keeps its state bit for bit, and goes on from what it was',
    async () => {
      const cpu = await trainOn('cpu', recipe, sample);
      const webgpu = await trainOn('webgpu', recipe, sample);
      expect(webgpu.changedByRoundTrip).toEqual([]);
      expect(webgpu.telemetry).toHaveLength(steps);
      webgpu.telemetry.forEach((row, step) => {
        expect(farthest(row, cpu.telemetry[step]!), `step ${step}`).toBeLessThan(1e-4);
      });
      // Not the same step over and over.
      expect(farthest(webgpu.telemetry[0]!, webgpu.telemetry.at(-1)!)).toBeGreaterThan(1e-3);
      expect(webgpu.state.map(([name]) => name)).toEqual(cpu.state.map(([name]) => name));
      for (const [i, [name, values]] of webgpu.state.entries())
        expect(farthest(values, cpu.state[i]![1]), name).toBeLessThan(1e-4);
      expect(farthest(webgpu.drawn, cpu.drawn)).toBeLessThan(1e-4);
      expect(webgpu.resumed).toEqual(webgpu.telemetry.slice(steps / 2));
      expect(webgpu.changedByResume).toEqual([]);
    },
    patience,
  );
});

test.skipIf(webgpuLacks !== undefined)(
  onWebgpu('steps leave nothing behind on the device'),
  async () => {
    const recipe = recipeOf({ ...mlp, hidden: 256 }, { batch: 4, techniques: techniquesOff });
    const more = 16;
    const { stateBytes, grown } = await trainOn('webgpu', recipe, points, more);
    // A step that kept its state would leave one a step.
    expect(stateBytes).toBeGreaterThan(2 ** 20);
    expect(grown).toBeLessThan((more * stateBytes) / 3);
  },
  patience,
);

test.skipIf(webgpuLacks !== undefined)(
  onWebgpu('ganx train: samples, checkpoints, resumes and exports, with the losses of the CPU'),
  async () => {
    const folder = temporaryFolder();
    const ganx = async (...args: string[]) => {
      const options = { cwd: folder, env: webgpuEnvironment() };
      const { code, stderr } = await run(process.execPath, [ganxProgram, ...args], options);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    };
    const small = ['--batch', '8', '--set', 'network.hidden=16', '--set', 'network.layers=2'];
    for (const device of ['cpu', 'webgpu']) {
      await ganx('train', 'ring8', '--device', device, '--out', device, '--steps', '2', ...small);
      await ganx('train', '--resume', '--out', device, '--steps', '4');
    }
    const log = async (device: string) =>
      (await readFile(join(folder, device, 'log.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, number>);
    const [cpu, webgpu] = [await log('cpu'), await log('webgpu')];
    expect(webgpu.map(({ step }) => step)).toEqual([2, 4]);
    webgpu.forEach((record, i) => {
      for (const name of ['dLoss', 'gLoss', 'dGradNorm', 'gGradNorm'])
        expect(Math.abs(record[name]! - cpu[i]![name]!), `${name}, step ${record.step}`).toBeLessThan(1e-4);
    });
    const checkpoints = await listCheckpoints(join(folder, 'webgpu'));
    expect(checkpoints.map(({ step, problem }) => [step, problem]).sort()).toEqual([
      [2, undefined],
      [4, undefined],
    ]);
    await ganx('sample', join('webgpu', 'generator.onnx'), '-n', '2', '--out', 'points.png');
  },
  patience,
);
