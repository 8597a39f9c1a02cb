import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../artifacts/errors.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { profileSteps } from '../../../training/profiling/profile-steps.ts';
import { summarize } from '../../../training/profiling/profile.ts';
import type { ProfileEvent } from '../../../training/profiling/profile.ts';
import { images, recipeOf, dcgan } from '../../parity/recipes.ts';

/*
 * Two recorded profiles of x' = w + x^T (tanh(x w) * x w): two runs of a Loop of three iterations on the CPU, and three
 * runs of one step on WebGPU. Of each event the fields that are read.
 */
const recorded = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, `${name}-profile.json`), 'utf8')) as ProfileEvent[];

describe('a Loop on the CPU', () => {
  const profile = summarize(recorded('loop'), 1, 3);

  test('parts the time of a run, the Loop not counted twice', () => {
    expect(profile).toMatchObject({ steps: 3, clock: 'host', programs: undefined });
    expect(profile.milliseconds).toBeCloseTo(17.109 / 3, 9);
    expect(profile.kernels).toBeCloseTo(16.906 / 3, 9);
    expect(profile.executor).toBeCloseTo((0.035 + 0.047 + 0.05 + 0.026) / 3, 9);
    expect(profile.outside).toBeCloseTo(0.045 / 3, 9);
    const loop = profile.operators.find(({ name }) => name === 'Loop')!;
    expect(loop.milliseconds).toBeCloseTo(0.089 / 3, 9);
  });

  test('lists operators, nodes and places of a step, the longest first', () => {
    expect(profile.operators.map(({ name, count }) => [name, Number(count.toFixed(2))])).toEqual([
      ['MatMul', 1],
      ['Gemm', 1],
      ['Transpose', 0.33],
      ['Tanh', 1],
      ['Mul', 1],
      ['Loop', 0.33],
    ]);
    expect(profile.operators.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(profile.nodes[0]).toMatchObject({
      name: 'generator/layer0/dense/MatMul',
      op: 'MatMul',
      provider: 'cpu',
    });
    expect(profile.places.map(({ name, layers }) => [name, layers.map((layer) => layer.name)])).toEqual([
      ['generator', ['layer0']],
      ['update-generator', []],
      ['no place', []],
      ['gradient/generator', ['layer0']],
      ['steps', []],
    ]);
    expect(profile.providers.cpu).toBeCloseTo(4 + 2 / 3, 9);
    // Where a profile tells no shapes, kinds are operators.
    expect(profile.kinds).toEqual(profile.operators);
  });
});

describe('steps on WebGPU', () => {
  const profile = summarize(recorded('webgpu'), 2, 2);

  test('time operators by the clock of the device, and leave the run that compiled shaders out', () => {
    expect(profile.clock).toBe('device');
    const programs = 448.378 + 3.41 + 3.776 + 579.999 + 643.594 + 3.866 + 8.088 + 687.51;
    expect(profile.programs).toBeCloseTo(programs / 2, 6);
    expect(profile.milliseconds).toBeCloseTo((1042.618 + 1355.364) / 2, 6);
    // The host has only handed out the work.
    expect(profile.kernels).toBeLessThan(1);
    expect(profile.outside).toBeGreaterThan(1000);
    expect(profile.operators.map(({ name }) => name)).toEqual(['Gemm', 'MatMul', 'Mul', 'Tanh', 'Reshape']);
    expect(profile.operators.at(-1)).toMatchObject({ milliseconds: 0, count: 2 });
    expect(profile.providers).toEqual({ webgpu: 6 });
  });
});

test('a profile with fewer runs than asked for is refused', () => {
  expect(() => summarize(recorded('webgpu'), 4, 4)).toThrow('the profile shows 3 runs, expected at least 4');
  expect(() => summarize([], 1, 1)).toThrow('the profile shows 0 runs, expected at least 1');
});

test('the steps of a program: all of their time, and the places of its networks', async () => {
  const program = buildProgram(recipeOf(dcgan), images(1, 16));
  const profile = await profileSteps(program, { kind: 'cpu', index: 0 }, { steps: 3 });
  const { milliseconds, kernels, executor, outside } = profile;
  expect(profile.steps).toBe(3);
  expect(kernels + executor + outside).toBeCloseTo(milliseconds, 6);
  expect(Math.min(kernels, executor, outside)).toBeGreaterThan(0);
  expect(profile.operators.reduce((sum, operator) => sum + operator.milliseconds, 0)).toBeCloseTo(kernels, 6);
  expect(profile.operators.find(({ name }) => name === 'Loop')!.count).toBeCloseTo(1 / 3, 9);
  expect(Object.keys(profile.providers)).toEqual(['cpu']);
  expect(profile.kinds.reduce((sum, kind) => sum + kind.milliseconds, 0)).toBeCloseTo(kernels, 6);
  const { batch, network } = program.recipe;
  expect(profile.kinds.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(new RegExp(`^Gemm \\[${batch},${network.zDim}\\] .* -> \\[${batch},\\d+\\]$`)),
      expect.stringMatching(/^Reshape \[[\d,]+\] int64\[\d\] -> \[[\d,]+\]$/),
      expect.stringMatching(/^Loop .* \(\d+ more\) -> .* \(\d+ more\)$/),
    ]),
  );
  const generator = profile.places.find(({ name }) => name === 'generator')!;
  expect(generator.layers.map(({ name }) => name).sort()).toEqual(['block1', 'image', 'project']);
});

test('a device is named where it makes no session; what fails later is told as it is', async () => {
  const program = buildProgram(recipeOf(dcgan), images(1, 16));
  await expect(profileSteps(program, { kind: 'cuda', index: 9 }, { steps: 1 })).rejects.toThrow(
    /^--device: cuda:9 does not work here \(.+\); "ganx doctor" tells what is missing$/,
  );
  // No state: onnxruntime takes no step without it.
  const start = { step: 0, tensors: new Map() };
  const failed = profileSteps(program, { kind: 'cpu', index: 0 }, { steps: 1, start });
  await expect(failed).rejects.not.toThrow(InputError);
  await expect(failed).rejects.toThrow(/^input .+ is missing in 'feeds'/);
});
