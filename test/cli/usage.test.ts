import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { tensor } from '../../graph-builder/types.ts';
import { ganx, program, refusal } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

test('--version is that of the package', async () => {
  const packageFile = join(import.meta.dirname, '../../package.json');
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  expect(await ganx(['--version'], '.')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

test('help, asked for or not, lists the commands', async () => {
  const bare = await ganx([], '.');
  const asked = await ganx(['--help'], '.');
  expect(bare).toEqual(asked);
  expect(bare.code).toBe(0);
  for (const command of ['train', 'sample', 'interpolate', 'inspect', 'doctor'])
    expect(bare.stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  expect((await ganx(['sample', '--help'], '.')).stdout).toContain(
    'Usage: ganx sample [options] <generator>',
  );
});

test.each([
  [['smaple'], "unknown command 'smaple' (Did you mean sample?)"],
  [['frobnicate'], "unknown command 'frobnicate'"],
  [['sample', 'g.onnx', '--sed', '3'], "unknown option '--sed' (Did you mean --seed?)"],
  [['sample'], "missing required argument 'generator'"],
  [['sample', 'a', 'b'], "too many arguments for 'sample'. Expected 1 argument but got 2."],
  [['sample', 'g.onnx', '--n'], "option '-n, --n <count>' argument missing"],
  [['sample', 'g.onnx', '--n', 'abc'], '-n: "abc" must be an integer from 1 to 65536'],
  [['sample', 'g.onnx', '-n', '0'], '-n: "0" must be an integer from 1 to 65536'],
  [['sample', 'g.onnx', '-n', '-5'], '-n: "-5" must be an integer from 1 to 65536'],
  [['sample', 'g.onnx', '-n', '1e3'], '-n: "1e3" must be an integer from 1 to 65536'],
  [['sample', 'g.onnx', '-n', ''], '-n: "" must be an integer from 1 to 65536'],
  [['sample', 'g.onnx', '--seed', '1.5'], '--seed: "1.5" must be an integer from -2147483648 to 2147483647'],
  [['sample', 'g.onnx', '--truncation', '0'], '--truncation: "0" must be a number > 0'],
  [['sample', 'g.onnx', '--truncation', ' '], '--truncation: " " must be a number > 0'],
  [['sample', 'g.onnx', '--threads', '0'], '--threads: "0" must be an integer from 1 to 1024'],
  [['bench', 'techniques', '--quick'], "unknown option '--quick'"],
  [
    ['bench', 'techniques', '--data', 'foo'],
    "option '--data <name>' argument 'foo' is invalid. Allowed choices are ring8, grid25, digits.",
  ],
  [['bench', 'techniques', 'x'], "too many arguments for 'techniques'. Expected 0 arguments but got 1."],
  [['interpolate', 'g.onnx', '--frames', '1'], '--frames: "1" must be an integer from 2 to 65536'],
])('ganx %j', async (args, message) => {
  expect(await ganx(args, '.')).toEqual(refusal(message));
});

test.each([
  [['bench'], 'Usage: ganx bench [options] [command]'],
  [['help', 'nope'], 'Usage: ganx [options] [command]'],
])('ganx %j gives help instead of an error', async (args, usage) => {
  const { code, stdout, stderr } = await ganx(args, '.');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.split('\n')[0]).toBe(usage);
  expect(stderr).not.toContain('outputHelp');
});

test('a reader that stops reading is no error', async () => {
  const folder = temporaryFolder();
  const names = Array.from({ length: 5000 }, (_, i) => `${'long name '.repeat(20)}${i}`);
  const path = join(folder, 'many.safetensors');
  writeFileSync(path, encodeSafetensors(new Map(names.map((name) => [name, tensor('uint8', [1])]))));
  const child = spawn(process.execPath, [program, 'inspect', path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
