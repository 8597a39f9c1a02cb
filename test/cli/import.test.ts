import { expect, test } from 'vitest';
import { discriminator, generator, normed, writeForeign } from '../artifacts/import/foreign.ts';
import { ganx, refusal } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

test('import tells what a model holds, what can be trained, and what it can be', async () => {
  const folder = temporaryFolder();
  writeForeign(folder, 'G.onnx', generator(4));
  const { code, stdout } = await ganx(['import', 'G.onnx', '--freeze', '*.bias'], folder);
  expect(code).toBe(0);
  for (const text of [
    'G.onnx: written by test, opset 18, IR 8',
    'z  float32[N, 4]',
    'images  float32[N, 1, 4, 4]',
    '1 Gemm, 1 Reshape, 1 Tanh',
    '64 in 1 tensors',
    'fc.weight  [16, 4]',
    'What was a buffer in PyTorch is here too, and trained unless --freeze names it.',
    'fc.bias  [16]  frozen',
    'generator: yes',
    'discriminator: as a discriminator it must give one logit a sample, [N], [N, 1] or [N, 1, 1, 1], and gives [N, 1, 4, 4]',
  ])
    expect(stdout).toContain(text);
});

test('import tells of running statistics that are not updated', async () => {
  const folder = temporaryFolder();
  writeForeign(folder, 'D.onnx', normed(4, 1));
  const { stdout } = await ganx(['import', 'D.onnx'], folder);
  expect(stdout).toContain('bn.running_mean  [4]  not updated: the norm has momentum 1 in the file');
});

test('import --json gives the same as data', async () => {
  const folder = temporaryFolder();
  writeForeign(folder, 'D.onnx', discriminator(4));
  const { stdout } = await ganx(['import', 'D.onnx', '--json'], folder);
  expect(JSON.parse(stdout)).toMatchObject({
    type: 'foreign',
    opset: 18,
    outputs: [{ name: 'p', dtype: 'float32', shape: ['N', 1] }],
    tensors: [{ name: 'fc.weight', role: 'parameter', elements: 16 }],
    roles: [
      {
        role: 'generator',
        problem: 'as a generator it must make samples of two numbers or more, and gives [N, 1]',
      },
      { role: 'discriminator' },
    ],
  });
});

test('import refuses in one line', async () => {
  const folder = temporaryFolder();
  writeForeign(folder, 'G.onnx', generator(4));
  expect(await ganx(['import', 'none.onnx'], folder)).toEqual(
    refusal('none.onnx: cannot read: no such file or folder (ENOENT)'),
  );
  expect(await ganx(['import', 'G.onnx', '--freeze', 'main.*'], folder)).toEqual(
    refusal('--freeze: main.* fits no tensor of G.onnx'),
  );
});
