import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Finding } from '../../cli/finding.ts';
import { library } from '../training/device/archives.ts';
import { ganx, program, refusal, run } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

interface Diagnosis {
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

const checks = ['node', 'onnxruntime-node', 'cpu', 'cuda', 'webgpu', 'sharp', 'disk', 'threads', 'memory'];

test('the doctor finds a machine that runs on the CPU, and leaves nothing behind', async () => {
  const folder = temporaryFolder();
  const { code, stdout, stderr } = await ganx(['doctor', '--json'], folder);
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
  const { code, stdout, stderr } = await ganx(['doctor'], temporaryFolder());
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^ganx \d+\.\d+\.\d+\n/);
  expect(stdout).toContain(`ok  node              ${process.versions.node} (>= 20.19 is needed)`);
  expect(stdout).toContain('ok  cpu               computes');
  expect(stdout).toMatch(/ganx can run here\n$/);
});

test.skipIf(process.platform === 'win32')(
  'where the working folder is gone, every command says so (skipped on Windows, which keeps a folder that is in use)',
  async () => {
    for (const args of [['doctor'], ['train', 'ring8'], ['serve', 'run']]) {
      const shell = 'rmdir "$PWD"; exec "$0" "$@"';
      const gone = await run('sh', ['-c', shell, process.execPath, program, ...args], {
        cwd: temporaryFolder(),
      });
      expect(gone).toEqual(
        refusal('the folder in which this was started is no longer there; change to another one'),
      );
    }
  },
);

const isLinux = process.platform === 'linux' && process.arch === 'x64';

test.skipIf(!isLinux)(
  'the doctor asks the loader for every library of a CUDA provider (skipped but on Linux x64, which alone has one here)',
  async () => {
    const folder = temporaryFolder();
    const dist = dirname(dirname(program));
    cpSync(dist, join(folder, 'dist'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const packages = join(dist, '../node_modules');
    mkdirSync(join(folder, 'node_modules'));
    for (const name of readdirSync(packages))
      if (name !== 'onnxruntime-node' && !name.startsWith('.'))
        symlinkSync(join(packages, name), join(folder, 'node_modules', name));
    const runtime = join(folder, 'node_modules/onnxruntime-node');
    cpSync(join(packages, 'onnxruntime-node'), runtime, {
      recursive: true,
      filter: (path) => !/bin\/napi-v6\/(darwin|win32|linux\/arm64)|libonnxruntime_providers/.test(path),
    });
    const place = join(runtime, 'bin/napi-v6/linux/x64');
    const needed = ['libc.so.6', 'libcudart.so.99', 'libcublas.so.99', 'libcuda.so.1'];
    writeFileSync(join(place, 'libonnxruntime_providers_cuda.so'), library({ needed, version: '1.29.0' }));
    writeFileSync(join(place, 'libonnxruntime_providers_shared.so'), library());

    const { code, stdout } = await run(
      process.execPath,
      [join(folder, 'dist/cli/main.js'), 'doctor', '--json'],
      {
        cwd: folder,
      },
    );
    expect(code).toBe(0);
    const { findings } = JSON.parse(stdout) as Diagnosis;
    const { detail, advice } = findings.find(({ name }) => name === 'cuda')!;
    expect(detail).toContain('the CUDA provider is 1.29.0, and onnxruntime-node 1.30.0');
    expect(detail).toMatch(/of CUDA 99, missing: libcudart\.so\.99[^,]*, libcublas\.so\.99/);
    expect(advice).toContain('npx ganx install-cuda');
  },
);
