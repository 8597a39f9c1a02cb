import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Finding } from '../../cli/finding.ts';
import { temporaryFolder } from '../artifacts/temporary-folder.ts';
import { ganx } from './ganx.ts';

interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

const checks = ['node', 'onnxruntime-node', 'cpu', 'cuda', 'webgpu', 'sharp', 'disk', 'threads', 'memory'];

test('the doctor finds a machine that runs on the CPU, and leaves nothing behind', async () => {
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await ganx(folder, 'doctor', '--json');
  const { healthy, findings } = JSON.parse(stdout) as Diagnosis;
  expect({ code, stderr, healthy }).toEqual({ code: 0, stderr: '', healthy: true });
  expect(findings.map(({ name }) => name)).toEqual(checks);
  const needed = findings.filter(({ name }) => !['cuda', 'webgpu'].includes(name));
  expect(needed.map(({ status }) => status)).toEqual(needed.map(() => 'ok'));
  // A provider that is not there is told with what to do about it.
  for (const { status, advice } of findings) expect(advice === undefined).toBe(status === 'ok');
  expect(readdirSync(folder)).toEqual([]);
});

test('the doctor speaks to people', async () => {
  const { code, stdout, stderr } = await ganx(temporaryFolder(), 'doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^ganx \d+\.\d+\.\d+\n/);
  expect(stdout).toContain(`ok  node              ${process.versions.node} (>= 20.19 is needed)`);
  expect(stdout).toContain('ok  cpu               computes');
  expect(stdout).toMatch(/ganx can run here\n$/);
});
