import { existsSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readInitializers, readModelInfo } from '../../artifacts/onnx/decode.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { loadCheckpoint } from '../../artifacts/checkpoint.ts';
import { InputError } from '../../artifacts/errors.ts';
import { generatorGraph } from '../../graph-builder/export.ts';
import { initialize } from '../../graph-builder/initializer.ts';
import { abs } from '../../graph-builder/ops/elementwise.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { Generator } from '../../inference/node.ts';
import { exportRun } from '../../training/export-run.ts';
import type { ExportRunOptions } from '../../training/export-run.ts';
import { checkGenerator } from '../../training/check-generator.ts';
import { dropoutRecipe, generatorModel, grey } from '../inference/generators.ts';
import { ganx } from '../ganx.ts';
import { sharedFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

const folder = sharedFolder();
const run = (...args: string[]) => ganx(args, folder);
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  const data = await writeDigits(folder, 100);
  const { code, stderr } = await run(
    ...[
      'train',
      data,
      ...tiny,
      '--steps',
      '6',
      '--checkpoint-every',
      '4',
      '--sample-every',
      '0',
      '--out',
      'run',
    ],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

async function draw(name: string, seed: number): Promise<Float32Array> {
  const generator = await Generator.load(at(name), { threads: 1 });
  try {
    return (await generator.sample(8, { z: new Float32Array(8 * 8).fill(0.5), seed })).data;
  } finally {
    await generator.dispose();
  }
}

const farthest = (a: Float32Array, b: Float32Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe('ganx export', () => {
  it('writes again what training wrote, bit for bit', async () => {
    const networks = ['generator', 'discriminator'].map((name) => `run/${name}.onnx`);
    const before = await Promise.all(networks.map((name) => readFile(at(name))));
    for (const name of networks) await rm(at(name));
    const { code, stdout, stderr } = await run('export', 'run', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ files: networks, step: 6 });
    expect(await Promise.all(networks.map((name) => readFile(at(name))))).toEqual(before);
  });

  it('takes the average or the weights themselves, of the checkpoint that is named', async () => {
    for (const [out, flags] of [
      ['new/ema.onnx', []],
      ['live.onnx', ['--weights', 'live']],
      ['early.onnx', ['--weights', 'live', '--checkpoint', '4']],
    ] as const)
      expect((await run('export', 'run', ...flags, '--out', out)).code).toBe(0);
    const weightOf = async (file: string) =>
      readInitializers(await readFile(at(file)), file).get('generator/image/conv/weight')!.data;
    const stateOf = async (step: number, name: string) =>
      (await loadCheckpoint(at(`run/checkpoints/step-${step}`))).tensors.get(name)!.data;
    const name = 'generator/image/conv/weight';
    expect(await weightOf('new/ema.onnx')).toEqual(await stateOf(6, `average/${name}`));
    expect(await weightOf('live.onnx')).toEqual(await stateOf(6, name));
    expect(await weightOf('early.onnx')).toEqual(await stateOf(4, name));
    expect(await stateOf(4, name)).not.toEqual(await stateOf(6, name));
    const { metadata } = readModelInfo(await readFile(at('early.onnx')), 'early.onnx');
    expect({ weights: metadata.weights, steps: metadata.steps }).toEqual({ weights: 'live', steps: '4' });
  });

  it('leaves dropout out on request: no seed, one picture, the mean of the others', async () => {
    expect((await run('export', 'run', '--deterministic', '--out', 'still.onnx')).code).toBe(0);
    const { inputs, metadata } = readModelInfo(await readFile(at('still.onnx')), 'still.onnx');
    expect(inputs.map(({ name }) => name)).toEqual(['z']);
    expect(metadata.random).toBe('false');
    expect(await draw('still.onnx', 1)).toEqual(await draw('still.onnx', 2));
    expect(await draw('run/generator.onnx', 1)).not.toEqual(await draw('run/generator.onnx', 2));
  });

  it('halves the weights on request, and the pictures stay', async () => {
    expect((await run('export', 'run', '--fp16', '--out', 'half.onnx')).code).toBe(0);
    const half = readInitializers(await readFile(at('half.onnx')), 'half.onnx');
    const whole = readInitializers(await readFile(at('run/generator.onnx')), 'whole.onnx');
    const kinds = (tensors: Map<string, Tensor>, rank: (n: number) => boolean) =>
      new Set(
        [...tensors].flatMap(([name, { dtype, shape }]) =>
          name.startsWith('generator/') && rank(shape.length) ? [dtype] : [],
        ),
      );
    expect([kinds(half, (n) => n > 1), kinds(half, (n) => n === 1)]).toEqual([
      new Set(['float16']),
      new Set(['float32']),
    ]);
    expect([...half.keys()].sort()).toEqual([...whole.keys()].sort());
    const weights = [...half.values()].filter(({ dtype }) => dtype === 'float16');
    const elements = weights.reduce((sum, { data }) => sum + data.length, 0);
    const sizeOf = async (name: string) => (await stat(at(name))).size;
    const saved = (await sizeOf('run/generator.onnx')) - (await sizeOf('half.onnx'));
    // Two bytes each, less what the casts take.
    expect(saved).toBeGreaterThan(1.5 * elements);
    expect(saved).toBeLessThan(2 * elements);
    const difference = farthest(await draw('half.onnx', 3), await draw('run/generator.onnx', 3));
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.02);
  });

  it.each([
    [['.'], '.: not the folder of a run (no recipe.json; found'],
    [['run', '--checkpoint', '5'], 'run: has no checkpoint of step 5; it has 4, 6'],
    [['run', '--weights', 'both'], "option '--weights <kind>' argument 'both' is invalid."],
    [['run', '--out', 'x.txt'], '--out: "x.txt" must end in .onnx'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await run(
      'export',
      ...args,
      ...(args.includes('--out') ? [] : ['--out', 'x.onnx']),
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(at('x.onnx'))).toBe(false);
  });
});

describe('exportRun', () => {
  it.each([
    [{ weights: 'foo' }, '--weights: "foo" must be ema or live'],
    [
      { fp16: true },
      'export: option fp16 is unknown; expected one of weights, deterministic, half, checkpoint, out',
    ],
    [{ half: 'no' }, '--half: "no" must be true or false'],
    [{ checkpoint: '4' }, '--checkpoint: "4" must be a number of steps'],
    [{ out: 5 }, '--out: 5 must be a text that is not empty'],
    [null, 'export: options must be an object'],
  ])('refuses %j from JavaScript', async (options, message) => {
    const before = await readFile(at('run/generator.onnx'));
    await expect(exportRun(at('run'), options as ExportRunOptions)).rejects.toThrow(new InputError(message));
    expect(await readFile(at('run/generator.onnx'))).toEqual(before);
  });

  it('refuses a path that is none', async () => {
    await expect(exportRun(undefined as unknown as string)).rejects.toThrow(
      'export: path undefined must be the folder of a run',
    );
  });
});

describe('the check of an export', () => {
  const program = buildProgram(dropoutRecipe, grey);
  const initial = new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)]));

  it('finds weights that are not those of training', async () => {
    await expect(checkGenerator(generatorModel(dropoutRecipe, grey), program, initial, {})).rejects.toThrow(
      /^generator\.onnx: the export changes samples by .+, must be at most 0\.00010$/,
    );
  });

  it('looks at uniform latents below zero, too', async () => {
    const techniques = { ...dropoutRecipe.techniques, latent: 'uniform' as const };
    const uniform = buildProgram({ ...dropoutRecipe, techniques }, grey);
    const folded = generatorGraph(uniform, initial);
    const z = folded.inputs.find(({ name }) => name === 'z')!;
    const reader = folded.nodes.find(({ inputs }) => inputs.includes(z))!;
    const magnitude = abs(z);
    folded.nodes.unshift(folded.nodes.pop()!);
    Object.assign(reader, { inputs: reader.inputs.map((input) => (input === z ? magnitude : input)) });
    const model = encodeModel(compile(folded, 'portable'));
    await expect(checkGenerator(model, uniform, initial, {})).rejects.toThrow(
      'the export changes samples by',
    );
  });

  it('finds that half precision is too little', async () => {
    const model = generatorModel(dropoutRecipe, grey, [], { half: true });
    await expect(checkGenerator(model, program, initial, { half: true })).rejects.toThrow(
      /^--fp16: half precision changes samples by .+, must be at most 0\.020 for these weights; leave it out$/,
    );
  });
});
