import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { conditionalModel } from '../inference/generators.ts';
import { program, refusal, run } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/**
 * The built program with every package but one; returns a runner for it.
 *
 * @param kept which of that one's files it has all the same
 */
function without(missing: string, kept?: (path: string) => boolean) {
  const folder = temporaryFolder();
  const dist = dirname(dirname(program));
  cpSync(dist, join(folder, 'dist'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'generator.onnx'), conditionalModel());
  const packages = join(dist, '../node_modules');
  mkdirSync(join(folder, 'node_modules'));
  for (const name of readdirSync(packages))
    if (name !== missing && !name.startsWith('.'))
      symlinkSync(join(packages, name), join(folder, 'node_modules', name), 'junction');
  if (kept)
    cpSync(join(packages, missing), join(folder, 'node_modules', missing), { recursive: true, filter: kept });
  return (...args: string[]) =>
    run(process.execPath, [join(folder, 'dist/cli/main.js'), ...args], { cwd: folder });
}

test('without onnxruntime-node a generator and a training say how to get it, and the doctor too', async () => {
  const ganx = without('onnxruntime-node');
  const refused = refusal(
    'onnxruntime-node is not installed; install it with "npm install --ignore-scripts onnxruntime-node@1.30.0"',
  );
  expect(await ganx('sample', 'generator.onnx')).toEqual(refused);
  expect(await ganx('train', 'ring8')).toEqual(refused);
  const { code, stdout, stderr } = await ganx('doctor');
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toMatch(/^!! {2}onnxruntime-node {2}not installed\n +npm install --ignore-scripts/m);
  expect(stdout).toMatch(/ganx cannot run here\n$/);
});

test.skipIf(process.platform !== 'linux')(
  'where a library of onnxruntime-node is missing, the loader is quoted (skipped but on Linux, whose loader it is)',
  async () => {
    const ganx = without('onnxruntime-node', (path) => !path.includes('libonnxruntime'));
    const reason =
      'onnxruntime-node does not load: libonnxruntime.so.1: cannot open shared object file: No such file or directory; install it with "npm install --ignore-scripts onnxruntime-node@1.30.0"';
    expect(await ganx('train', 'ring8')).toEqual(refusal(reason));
    const { code, stdout, stderr } = await ganx('doctor', '--json');
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    const { findings } = JSON.parse(stdout) as { findings: { name: string }[] };
    expect(findings.filter(({ name }) => ['cpu', 'cuda', 'webgpu'].includes(name))).toEqual([
      { name: 'cpu', status: 'failed', detail: reason },
    ]);
  },
);

test('without sharp no training begins, and the doctor still comes', async () => {
  const ganx = without('sharp');
  const refused = refusal('sharp is not installed; install it with "npm install --include=optional sharp"');
  expect(await ganx('train', 'ring8', '--steps', '1', '--out', 'run')).toEqual(refused);
  // None of these images is called damaged.
  expect(await ganx('train', join(dirname(dirname(dirname(program))), 'docs'))).toEqual(refused);
  expect(await ganx('inspect', 'run')).toEqual(refusal('run: cannot read: no such file or folder (ENOENT)'));
  const { code, stdout, stderr } = await ganx('doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^!! {2}sharp +is not installed\n +npm install --include=optional sharp\n/m);
  expect(stdout).toMatch(/ganx runs on the CPU, but something is wrong: sharp\n$/);
});
