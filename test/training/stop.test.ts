import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'dist/cli/main.js');
const endless = ['train', ...tiny, '--steps', '1000000', '--sample-every', '0'];

/** Starts a run, does something to it when it begins to train, waits for its end. */
async function interrupted(
  folder: string,
  act: (kill: (signal: NodeJS.Signals) => void, closeOutput: () => void) => Promise<void> | void,
  args: readonly string[] = endless,
) {
  const child = spawn(process.execPath, [main, ...args, '--json', '--out', 'run'], { cwd: folder });
  let [stderr, begun] = ['', false];
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  child.stdout.on('data', (text: Buffer) => {
    if (begun || !text.includes('"type":"start"')) return;
    begun = true;
    void act(
      (signal) => child.kill(signal),
      () => child.stdout.destroy(),
    );
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...ended) => {
      resolve(ended);
    }),
  );
  return { code, signal, stderr };
}

describe('a signal', () => {
  it('while the data are read is 130, and nothing is left', async () => {
    const folder = temporaryFolder();
    // Resizing 10,000 digits to that size takes long enough.
    const args = ['train', '--size', '512', '--recipe', 'mlp', '--out', 'run'];
    const watcher = watch(folder);
    const child = spawn(process.execPath, [main, ...args], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    const ended = new Promise((resolve) => child.on('close', resolve));
    // Whether the folder can be made is tried before they are read.
    await once(watcher, 'change');
    watcher.close();
    child.kill('SIGTERM');
    expect(await ended).toBe(130);
    expect(stderr).toBe('\nganx: stopping after the current steps (again to quit at once)\n');
    expect(await readdir(folder)).toEqual([]);
  });

  it('that comes twice at once is one', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await interrupted(folder, (kill) => {
      kill('SIGTERM');
      setTimeout(kill, 5, 'SIGINT');
    });
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: '\nganx: stopping after the current steps (again to quit at once)\n',
    });
    expect(existsSync(join(folder, 'run/generator.onnx'))).toBe(true);
  });

  it.skipIf(process.platform === 'win32')('of a closed terminal is one, with a checkpoint', async () => {
    const folder = temporaryFolder();
    const { code } = await interrupted(folder, (kill) => {
      kill('SIGHUP');
    });
    expect(code).toBe(130);
    expect(await readdir(join(folder, 'run/checkpoints'))).toHaveLength(1);
  });

  it('that comes again later ends a step that takes long, without an abort', async () => {
    const folder = temporaryFolder();
    const slow = ['train', '--steps', '99', '--size', '16', '--batch', '512', '--sample-every', '0'];
    const large = [...slow, '--set', 'techniques.discriminatorSteps=8'];
    const { code, signal, stderr } = await interrupted(
      folder,
      async (kill) => {
        kill('SIGINT');
        await sleep(1100);
        kill('SIGINT');
      },
      large,
    );
    // By the signal itself, which is 130 for a shell, unless the step was done by then.
    expect(signal ?? code).toBe(code === null ? 'SIGINT' : 130);
    expect(stderr).toBe('\nganx: stopping after the current steps (again to quit at once)\n');
  });
});

describe('output that nobody takes', () => {
  it('does not end a training whose reader has gone', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await interrupted(
      folder,
      (_, closeOutput) => {
        closeOutput();
      },
      ['train', ...tiny, '--steps', '500', '--sample-every', '0'],
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(existsSync(join(folder, 'run/checkpoints/step-500'))).toBe(true);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'because the disk is full is one line and code 2 (skipped where /dev/full is not)',
    async () => {
      const folder = temporaryFolder();
      const data = await writeDigits(folder, 50);
      const commands = [`train ${data} ${tiny.join(' ')} --steps 2 --out run`, 'inspect run'];
      for (const command of commands) {
        const shell = `"${process.execPath}" "${main}" ${command} > /dev/full`;
        const outcome: unknown = await promisify(execFile)('sh', ['-c', shell], { cwd: folder }).catch(
          (error: unknown) => error,
        );
        expect(outcome).toMatchObject({
          code: 2,
          stderr: 'ganx: output: cannot write: no space left on the device (ENOSPC)\n',
        });
      }
      expect(existsSync(join(folder, 'run/generator.onnx'))).toBe(true);
    },
  );
});

describe('train() in the library', () => {
  it.each(['', 'async '])(
    'keeps what was trained where a %slistener throws, and rejects with what it threw',
    async (how) => {
      const folder = temporaryFolder();
      const script = `
      import { train } from ${JSON.stringify(join(root, 'dist/index.js'))};
      const onEvent = ${how}({ type }) => { if (type === 'step') throw new RangeError('mine'); };
      const set = ['network.filters=4', 'network.zDim=8'];
      await train({ size: 16, batch: 8, set, steps: 100000, out: 'run', onEvent }).catch(({ name, message }) => {
        console.log(name, message);
      });`;
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', script],
        { cwd: folder },
      );
      expect(stdout).toBe('RangeError mine\n');
      expect(await readdir(join(folder, 'run/checkpoints'))).toHaveLength(1);
    },
  );
});

it('what a listener rejects with after the run is heard of by the process', async () => {
  const folder = temporaryFolder();
  const script = `
    import { train } from ${JSON.stringify(join(root, 'dist/index.js'))};
    process.on('unhandledRejection', ({ message }) => { console.log(message); });
    const onEvent = async ({ type }) => {
      if (type !== 'end') return;
      await new Promise((resolve) => setTimeout(resolve, 500));
      throw new Error('too late');
    };
    const set = ['network.filters=4', 'network.zDim=8'];
    console.log((await train({ size: 16, batch: 8, set, steps: 2, out: 'run', onEvent })).outcome);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: folder,
  });
  expect(stdout).toBe('done\ntoo late\n');
});

describe('a device that does not work', () => {
  // onnxruntime-node brings no CUDA of its own; where there is one, nothing is refused.
  it('is one line and code 2', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await ganx(['train', ...tiny, '--steps', '1', '--device', 'cuda:9'], folder);
    expect(stderr).toMatch(/^ganx: --device: cuda:9 does not work here: .+; "ganx doctor" tells .*\n$/);
    expect(code).toBe(2);
    expect(await readdir(folder)).toEqual([]);
  });
});
