import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TrainEvent } from '../../../training/events.ts';
import type { RunConfig } from '../../../training/run-config.ts';
import { program, run } from '../../ganx.ts';
import { sharedFolder } from '../../temporary-folder.ts';

const folder = sharedFolder();

const small = ['--set', 'network.hidden=8', '--set', 'network.layers=2', '--batch', '16', '--device', 'cpu'];

/** Events of a training of points with a cache of its own. */
async function events(...flags: readonly string[]): Promise<TrainEvent[]> {
  const args = [program, 'train', 'ring8', '--json', '--sample-every', '0', ...flags];
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: folder, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TrainEvent);
}

const executionOf = (out: string) =>
  (JSON.parse(readFileSync(join(folder, out, 'recipe.json'), 'utf8')) as RunConfig).execution;
const tuned = (all: readonly TrainEvent[]) => all.find((event) => event.type === 'tuned');
const measures = (all: readonly TrainEvent[]) =>
  all.some((event) => event.type === 'note' && event.message.includes('measures'));

// Where the cache lies is another thing on the other systems.
test.skipIf(process.platform !== 'linux')('a run is tuned once, and goes on as it was tuned', async () => {
  const first = await events('--autotune', '--steps', '3', ...small, '--out', 'first');
  expect(measures(first)).toBe(true);
  const { chosen, measured } = tuned(first)!;
  expect(measured.length).toBeGreaterThanOrEqual(2);
  expect(measured).toContainEqual(expect.objectContaining(chosen));
  expect(executionOf('first')).toEqual(chosen);

  const second = await events('--autotune', '--steps', '3', ...small, '--out', 'second');
  expect(measures(second)).toBe(false);
  expect(tuned(second)).toEqual({ ...tuned(first), isKept: true });

  const resumed = await events('--steps', '6', '--out', 'first', '--resume');
  expect(tuned(resumed)).toBeUndefined();
  expect(executionOf('first')).toEqual(chosen);
  expect(resumed.find((event) => event.type === 'start')!.threads).toBe(chosen.threads);

  // It was measured for another number of threads.
  await events('--steps', '9', '--out', 'first', '--resume', '--threads', '1');
  expect(executionOf('first')).toBeUndefined();
});

test.skipIf(process.platform !== 'linux')(
  'onnxruntime tells nobody, and keeps nothing of the machine',
  async () => {
    const cache = join(folder, 'told');
    // It is silent in CI of its own.
    const env: NodeJS.ProcessEnv = { ...process.env, XDG_CACHE_HOME: cache };
    delete env.CI;
    delete env.ORT_DISABLE_TELEMETRY;
    const args = [
      program,
      'train',
      'ring8',
      '--steps',
      '2',
      '--sample-every',
      '0',
      ...small,
      '--out',
      'quiet',
    ];
    expect((await run(process.execPath, args, { cwd: folder, env })).code).toBe(0);
    expect(existsSync(cache)).toBe(false);
  },
);

test.skipIf(process.platform !== 'linux')('without --autotune nothing is measured or read', async () => {
  const plain = await events('--steps', '3', ...small, '--out', 'plain');
  expect(tuned(plain)).toBeUndefined();
  expect(executionOf('plain')).toBeUndefined();
});
