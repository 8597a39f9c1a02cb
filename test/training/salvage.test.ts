import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadCheckpoint } from '../../artifacts/checkpoint.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

it('what was trained before an error is saved, and the run goes on from there', async () => {
  const folder = temporaryFolder();
  const data = await writeDigits(folder, 50);
  const train = (out: string, steps: number, ...more: string[]) =>
    ganx(
      ['train', data, ...tiny, '--threads', '1', '--sample-every', '10', '--checkpoint-every', '1000'].concat(
        ['--steps', String(steps), '--out', out, ...more],
      ),
      folder,
    );
  expect((await train('whole', 40)).code).toBe(0);
  expect((await train('parts', 10)).code).toBe(0);

  const inTheWay = join(folder, 'parts/samples/30.png');
  await mkdir(join(inTheWay, 'something'), { recursive: true });
  const failed = await train('parts', 40, '--resume');
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain('30.png');
  expect(failed.stdout).toMatch(/^checkpoint .*step-30$/m);
  expect((await readdir(join(folder, 'parts/checkpoints'))).sort()).toEqual(['step-10', 'step-30']);

  await rm(inTheWay, { recursive: true });
  const resumed = await train('parts', 40, '--resume');
  expect(resumed.stdout).toContain('resumes at step 30');
  const state = (out: string) => readFile(join(folder, out, 'checkpoints/step-40/state.safetensors'));
  expect(await state('parts')).toEqual(await state('whole'));
  const monitor = async (out: string) =>
    (await loadCheckpoint(join(folder, out, 'checkpoints/step-40'))).manifest.monitor;
  expect(await monitor('parts')).toEqual(await monitor('whole'));
  const log = async (out: string) =>
    (await readFile(join(folder, out, 'log.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => ({ ...(JSON.parse(line) as object), seconds: 0 }));
  expect(await log('parts')).toEqual(await log('whole'));
});
