import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { conditionalModel } from '../inference/generators.ts';
import { program, refusal, run } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** The built program with every package but one; returns a runner for it. */
function without(missing: string) {
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

test('without sharp the doctor still comes', async () => {
  const { code, stdout, stderr } = await without('sharp')('doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^!! {2}sharp .*Cannot find package 'sharp'.*\n +npm install/m);
  expect(stdout).toMatch(/ganx runs on the CPU, but something is wrong: sharp\n$/);
});
