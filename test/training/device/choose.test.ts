import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../temporary-folder.ts';
import { softwareDriver, webgpuEnvironment } from '../../software-webgpu.ts';

const program = join(import.meta.dirname, '../../../dist/cli/main.js');
const tiny = ['ring8', '--set', 'network.hidden=16', '--batch', '8', '--steps', '1', '--json'];

function train(cwd: string, args: readonly string[], driver?: string) {
  return new Promise<{ code: number | null; start: Record<string, unknown>; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [program, 'train', ...tiny, ...args], {
      cwd,
      env: driver === undefined ? process.env : webgpuEnvironment(driver),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('close', (code) => {
      const start = JSON.parse(/^.+/.exec(stdout)?.[0] ?? '{}') as Record<string, unknown>;
      resolve({ code, start, stderr });
    });
  });
}

const device = (folder: string) =>
  (JSON.parse(readFileSync(join(folder, 'run/recipe.json'), 'utf8')) as { device: string }).device;

describe.skipIf(!existsSync(softwareDriver))('where WebGPU is software', () => {
  test('auto refuses it with its reason, and a resumed run stays where it is', async () => {
    const folder = temporaryFolder();
    const { code, start, stderr } = await train(folder, ['--out', 'run'], softwareDriver);
    expect({ code, stderr, device: start.device }).toEqual({ code: 0, stderr: '', device: 'cpu' });
    expect(start.deviceReason).toMatch(/; WebGPU multiplies matrices \d+ times slower than the CPU$/);
    expect(device(folder)).toBe('cpu');
    const again = await train(folder, ['--out', 'run', '--resume', '--steps', '2']);
    expect(again).toMatchObject({ code: 0, start: { device: 'cpu' } });
    expect(again.start).not.toHaveProperty('deviceReason');
  });

  test('--device webgpu takes it', async () => {
    const folder = temporaryFolder();
    const { code, start, stderr } = await train(
      folder,
      ['--out', 'run', '--device', 'webgpu'],
      softwareDriver,
    );
    expect({ code, stderr, device: start.device }).toEqual({ code: 0, stderr: '', device: 'webgpu' });
    expect(device(folder)).toBe('webgpu');
  });
});

test('a device that does not work is refused with all that is in its way, and nothing is written', async () => {
  const folder = temporaryFolder();
  const { code, stderr } = await train(folder, ['--out', 'run', '--device', 'cuda:9']);
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^ganx: --device: cuda:9 does not work here: .+; "ganx doctor" tells what mends it\n$/,
  );
  expect(existsSync(join(folder, 'run'))).toBe(false);
});
