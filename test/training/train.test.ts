import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../artifacts/safetensors.ts';
import { loadCheckpoint } from '../../artifacts/checkpoint.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

async function state(run: string, step: number): Promise<Buffer> {
  return readFile(join(run, 'checkpoints', `step-${step}`, 'state.safetensors'));
}

describe('ganx train', () => {
  it('leaves a whole run folder', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const { code, stdout, stderr } = await ganx(
      ['train', data, ...tiny, '--steps', '20', '--out', 'run', '--sample-every', '10'],
      folder,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('done at step 20, 160 samples');
    expect((await readdir(join(folder, 'run'))).sort()).toEqual([
      'checkpoints',
      'discriminator.onnx',
      'generator.onnx',
      'log.jsonl',
      'recipe.json',
      'report.html',
      'samples',
      'training-loop.onnx',
      'training-step.onnx',
    ]);
    expect((await readdir(join(folder, 'run/samples'))).sort()).toEqual(['0.png', '10.png', '20.png']);
    const log = (await readFile(join(folder, 'run/log.jsonl'), 'utf8')).trim().split('\n');
    expect(log.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([10, 20]);
    expect(Object.keys(JSON.parse(log[0]!) as object)).toEqual([
      'step',
      'images',
      'seconds',
      'dLoss',
      'gLoss',
      'dReal',
      'dFake',
      'dGradNorm',
      'gGradNorm',
    ]);
    const report = await readFile(join(folder, 'run/report.html'), 'utf8');
    expect(report).not.toContain('LossScale');
    expect(report).toContain('samples/20.png');
    expect(report).toContain('<polyline');
  });

  it('ends when the learning rates have decayed, where nothing else is asked for', async () => {
    const folder = temporaryFolder();
    const small = ['--set', 'network.hidden=16', '--set', 'techniques.rateDecay.steps=12', '--batch', '16'];
    const { code, stdout } = await ganx(['train', 'ring8', ...small, '--out', 'run'], folder);
    expect(code).toBe(0);
    expect(stdout).toContain('done at step 12,');
  });

  it('is exact: 10 steps are 5, saved, loaded and 5 more, bit for bit; and one seed gives one state', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const run = (out: string, ...more: string[]) =>
      ganx(['train', data, ...tiny, '--out', out, '--threads', '2', '--sample-every', '0', ...more], folder);
    expect((await run('whole', '--steps', '10')).code).toBe(0);
    expect((await run('again', '--steps', '10')).code).toBe(0);
    expect((await run('other', '--steps', '10', '--seed', '1')).code).toBe(0);
    expect((await run('parts', '--steps', '5')).code).toBe(0);
    expect((await run('parts', '--steps', '10', '--resume')).code).toBe(0);
    const whole = await state(join(folder, 'whole'), 10);
    expect(whole.equals(await state(join(folder, 'again'), 10))).toBe(true);
    expect(whole.equals(await state(join(folder, 'parts'), 10))).toBe(true);
    expect(whole.equals(await state(join(folder, 'other'), 10))).toBe(false);
    const { tensors } = decodeSafetensors(whole, 'state');
    expect(tensors.get('optimizer/generator/updates')!.data[0]).toBe(10);
    const generators = await Promise.all(
      ['whole', 'parts'].map((out) => readFile(join(folder, out, 'generator.onnx'))),
    );
    expect(generators[0]!.equals(generators[1]!)).toBe(true);
  });

  it('stops on Ctrl-C with a checkpoint and code 130, and resumes to the same state', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const args = ['train', data, ...tiny, '--out', 'run', '--sample-every', '0'];
    let sent = false;
    const stopped = await ganx([...args, '--steps', '100000', '--json'], folder, (stdout, kill) => {
      if (!sent && stdout.includes('"type":"step"')) {
        sent = true;
        kill('SIGINT');
      }
    });
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('stopping after the current steps');
    const end = JSON.parse(stopped.stdout.trim().split('\n').at(-1)!) as {
      type: string;
      outcome: string;
      step: number;
    };
    expect(end).toMatchObject({ type: 'end', outcome: 'stopped' });
    const checkpoint = await loadCheckpoint(join(folder, 'run/checkpoints', `step-${end.step}`));
    expect(checkpoint.step).toBe(end.step);
    const goal = String(end.step + 7);
    expect((await ganx([...args, '--steps', goal, '--resume'], folder)).code).toBe(0);
    expect((await ganx([...args, '--steps', goal, '--out', 'straight'], folder)).code).toBe(0);
    const resumed = await state(join(folder, 'run'), end.step + 7);
    expect(resumed.equals(await state(join(folder, 'straight'), end.step + 7))).toBe(true);
  });

  it('passes over a damaged checkpoint and cuts the log back', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const args = ['train', data, ...tiny, '--out', 'run', '--sample-every', '0', '--checkpoint-every', '10'];
    expect((await ganx([...args, '--steps', '20'], folder)).code).toBe(0);
    await writeFile(join(folder, 'run/checkpoints/step-20/state.safetensors'), 'damaged');
    const resumed = await ganx([...args, '--steps', '30', '--resume'], folder);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toMatch(/warning: .*step-20: passed over/);
    expect(resumed.stdout).toContain('resumes at step 10');
    const log = (await readFile(join(folder, 'run/log.jsonl'), 'utf8')).trim().split('\n');
    expect(log.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([10, 20, 30]);
  });

  it('goes on where an old checkpoint cannot be removed, with a warning', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    // Root may remove anything, so there the program runs as nobody.
    await chmod(folder, 0o777);
    const user = process.getuid?.() === 0 ? 65534 : undefined;
    const args = ['train', data, ...tiny, '--out', 'run', '--sample-every', '0', '--checkpoint-every', '1'];
    expect((await ganx([...args, '--steps', '3'], folder, undefined, user)).code).toBe(0);
    const checkpoints = join(folder, 'run/checkpoints');
    await chmod(join(checkpoints, 'step-1'), 0o500);
    const resumed = await ganx([...args, '--steps', '5', '--resume'], folder, undefined, user);
    const left = (await readdir(checkpoints)).sort();
    await chmod(join(checkpoints, left[0]!), 0o700);
    expect(resumed.code).toBe(0);
    expect(resumed.stdout).toContain(
      'warning: an old checkpoint stays: run/checkpoints/step-1: cannot write: permission denied (EACCES)\n',
    );
    expect(left).toEqual([expect.stringMatching(/^\.step-1\.\w+\.tmp$/), 'step-3', 'step-4', 'step-5']);
  });

  it('ends with code 3 when training diverges, and keeps the last good checkpoint', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 100);
    const args = ['train', data, ...tiny, '--out', 'run', '--sample-every', '0'];
    const sgd = 'optimizer.discriminator={"kind":"sgd","learningRate":1,"momentum":0.99}';
    const wild = [
      ...args,
      '--set',
      sgd,
      '--set',
      'optimizer.generator={"kind":"sgd","learningRate":1,"momentum":0.999}',
    ];
    const diverged = await ganx(
      [...wild, '--set', 'network.normalization=none', '--steps', '4000', '--checkpoint-every', '1'],
      folder,
    );
    expect(diverged.stdout).toMatch(/warning: training diverged at step \d+: .* is (NaN|Infinity|-Infinity)/);
    expect(diverged.code).toBe(3);
    expect((await readdir(join(folder, 'run/checkpoints'))).length).toBeGreaterThan(0);
  });

  it('trains points', async () => {
    const folder = temporaryFolder();
    const { code, stdout } = await ganx(
      ['train', 'ring8', '--steps', '50', '--out', 'ring', '--set', 'network.hidden=16', '--json'],
      folder,
    );
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(events[0]).toMatchObject({ type: 'start', recipe: 'mlp', sampleShape: [2], samples: 100_000 });
    expect(events.at(-1)).toMatchObject({ type: 'end', outcome: 'done', step: 50 });
  });
});
