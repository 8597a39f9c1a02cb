import { readdir, readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../artifacts/safetensors.ts';
import { presets } from '../../training/presets.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

async function trained(folder: string, ...args: string[]) {
  const data = await writeDigits(folder, 100);
  const result = await ganx(['train', data, ...tiny, '--out', 'run', '--sample-every', '0', ...args], folder);
  expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
  const log = lines(await readFile(join(folder, 'run/log.jsonl'), 'utf8'));
  return { log, files: await readdir(join(folder, 'run')) };
}

describe('every recipe for images trains, exports and is sampled', () => {
  it.each(Object.keys(presets))('%s', async (recipe) => {
    const folder = temporaryFolder();
    const network = recipe === 'mlp' ? ['--set', 'network.hidden=16', '--set', 'network.zDim=8'] : tiny;
    const data = await writeDigits(folder, 100);
    const args = ['train', data, '--size', '16', '--batch', '8', ...network, '--recipe', recipe];
    const { code, stderr } = await ganx([...args, '--steps', '10', '--out', 'run'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const sampled = await ganx(['sample', 'run', '-n', '4', '--json'], folder);
    expect(JSON.parse(sampled.stdout)).toMatchObject({ shape: [4, 1, 16, 16], recipe });
    const log = lines(await readFile(join(folder, 'run/log.jsonl'), 'utf8'));
    expect(Object.values(log[0]!).every(Number.isFinite)).toBe(true);
  });
});

describe('acgan', () => {
  it('is sampled by class, named or numbered; dcgan has no classes', async () => {
    const folder = temporaryFolder();
    await trained(folder, '--recipe', 'acgan', '--steps', '10');
    const one = await ganx(['sample', 'run', '-n', '2', '--label', '7', '--out', 'seven.png'], folder);
    expect(one.code).toBe(0);
    const wrong = await ganx(['sample', 'run', '-n', '2', '--label', '10'], folder);
    expect({ code: wrong.code, lines: wrong.stderr.trim().split('\n').length }).toEqual({
      code: 2,
      lines: 1,
    });
    expect(wrong.stderr).toContain('--label: "10" must be one of 0, 1, 2');
    const inspected = await ganx(['inspect', 'run/generator.onnx'], folder);
    expect(inspected.stdout).toMatch(/conditional +true/);
  });

  it('refuses data without labels, in one line', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await ganx(['train', 'ring8', '--recipe', 'acgan', '--steps', '5'], folder);
    expect(code).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('vaegan', () => {
  it('exports an encoder, logs what it learns, and reconstructs', async () => {
    const folder = temporaryFolder();
    const { log, files } = await trained(folder, '--recipe', 'vaegan', '--steps', '20');
    expect(files).toContain('encoder.onnx');
    expect(Object.keys(log[0]!).slice(-2)).toEqual(['prior', 'reconstruction']);
    const again = await ganx(
      ['reconstruct', 'run', folder, '-n', '5', '--out', 'again.png', '--json'],
      folder,
    );
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(again.stdout)).toMatchObject({ count: 5, files: ['again.png'] });
    expect(existsSync(join(folder, 'again.png'))).toBe(true);
    const lone = await ganx(['reconstruct', 'run/generator.onnx', folder], folder);
    expect(lone.stderr).toContain('has no encoder');
    expect(
      (await ganx(['reconstruct', 'run/generator.onnx', folder, '--encoder', 'run/encoder.onnx'], folder))
        .code,
    ).toBe(0);
    const foreign = await ganx(
      ['reconstruct', 'run/generator.onnx', folder, '--encoder', 'run/discriminator.onnx'],
      folder,
    );
    expect(foreign).toMatchObject({ code: 2 });
    expect(foreign.stderr).toBe(
      'ganx: run/discriminator.onnx: not a ganx encoder; expected the encoder.onnx of a ganx run\n',
    );
  });
});

describe('snapshots', () => {
  const options = ['--set', 'techniques.snapshots={"count":3,"every":4,"steps":2}'];

  it('are taken of the live weights on schedule, and a resumed run is exact', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const run = (out: string, ...more: string[]) =>
      ganx(['train', data, ...tiny, ...options, '--out', out, '--sample-every', '0', ...more], folder);
    expect((await run('whole', '--steps', '11', '--checkpoint-every', '4')).code).toBe(0);
    expect((await run('parts', '--steps', '8')).code).toBe(0);
    expect((await run('parts', '--steps', '11', '--resume')).code).toBe(0);
    const state = async (out: string, step: number) => {
      const path = join(folder, out, 'checkpoints', `step-${step}`, 'state.safetensors');
      return decodeSafetensors(await readFile(path), path).tensors;
    };
    const [whole, parts] = [await state('whole', 11), await state('parts', 11)];
    expect([...whole.keys()]).toEqual([...parts.keys()]);
    for (const [name, { data: values }] of whole) expect(parts.get(name)!.data, name).toEqual(values);
    // Shelf 0 was filled before step 4, shelf 1 before step 8: with the weights of those checkpoints.
    const weight = 'generator/project/dense/weight';
    expect(whole.get(`snapshots/0/${weight}`)!.data).toEqual((await state('whole', 4)).get(weight)!.data);
    expect(whole.get(`snapshots/1/${weight}`)!.data).toEqual((await state('whole', 8)).get(weight)!.data);
    expect(whole.get(`snapshots/0/${weight}`)!.data).not.toEqual(whole.get(weight)!.data);
  });
});
