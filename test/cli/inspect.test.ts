import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { saveCheckpoint } from '../../artifacts/checkpoint.ts';
import { RunFolder } from '../../artifacts/run-folder.ts';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { tensor } from '../../graph-builder/types.ts';
import { conditionalModel, discriminatorModel, grey, plainRecipe } from '../inference/generators.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

const inspect = async (...args: string[]) => {
  const { code, stdout, stderr } = await ganx(['inspect', ...args], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};
const tensors = new Map([
  ['g/weight', tensor('float32', [1, 2, 3, 4, 5, 6], [2, 3])],
  ['step', tensor('int32', [7], [])],
]);

describe('models', () => {
  test('a generator', async () => {
    writeFileSync(join(folder, 'g.onnx'), conditionalModel());
    const lines = (await inspect('g.onnx')).split('\n');
    expect(lines[0]).toMatch(/^g\.onnx: generator of ganx, written by ganx, opset 18, IR 8$/);
    const text = lines.map((line) => line.trim().replaceAll(/ +/g, ' '));
    for (const line of [
      'inputs z float32 [N, 4]',
      'label int32 [N]',
      'outputs images float32 [N, 1, 2, 2]',
      'classes cat, dog, fox',
      'zDim 4',
      'conditional true',
    ])
      expect(text).toContain(line);
    const facts = JSON.parse(await inspect('g.onnx', '--json')) as Record<string, unknown>;
    expect(facts).toMatchObject({
      type: 'generator',
      opset: 18,
      inputs: [
        { name: 'z', dtype: 'float32', shape: ['N', 4] },
        { name: 'label', dtype: 'int32', shape: ['N'] },
      ],
      opCounts: { Add: 1, Mul: 1, Cast: 1 },
      metadata: { classes: ['cat', 'dog', 'fox'], zDim: 4 },
    });
  });

  test('a discriminator', async () => {
    writeFileSync(join(folder, 'd.onnx'), discriminatorModel(plainRecipe, grey));
    expect(await inspect('d.onnx')).toMatch(
      /^d\.onnx: discriminator of ganx, .*\n {2}inputs +images {2}float32/,
    );
  });
});

describe('tensors', () => {
  test('a safetensors file, known by its content', async () => {
    writeFileSync(join(folder, 'weights'), encodeSafetensors(tensors, { made: 'by hand' }));
    expect(await inspect('weights')).toBe(
      [
        'weights: safetensors, 2 tensors',
        '  size     7 elements, 0.0 MiB',
        '  made     by hand',
        '  tensors  g/weight  float32 [2, 3]',
        '           step  int32 []',
        '',
      ].join('\n'),
    );
  });

  test('a checkpoint', async () => {
    const path = await saveCheckpoint(folder, { step: 7, manifest: { position: 42 }, tensors });
    expect(await inspect(path)).toContain('checkpoint of step 7, whole\n  size      7 elements');
    expect(JSON.parse(await inspect(path, '--json'))).toMatchObject({
      type: 'checkpoint',
      step: 7,
      manifest: { position: 42 },
      tensors: [{ name: 'g/weight', dtype: 'float32', shape: [2, 3] }, { name: 'step' }],
    });
  });
});

describe('a run', () => {
  test('tells recipe, progress, last losses and checkpoints', async () => {
    const run = await RunFolder.create(join(folder, 'run'));
    await run.writeRecipe({ steps: 100, recipe: { name: 'dcgan', batch: 8 } });
    await run.appendLog({ step: 10, images: 80, seconds: 1.25, dLoss: 1.3862943, gLoss: null });
    await saveCheckpoint(run.path, { step: 10, manifest: {}, tensors });
    await run.writeVerdicts([{ rule: 'divergence', step: 9, finding: 'training diverged at step 9' }]);
    const broken = join(run.checkpoints, 'step-20');
    mkdirSync(broken);
    const text = (await inspect('run')).replaceAll(/ +/g, ' ');
    expect(text).toMatch(/^run: run at step 10\n/);
    for (const line of [
      'progress step 10 of 100, 80 images, 1.3 s',
      'last dLoss 1.386, gLoss null',
      'verdicts step 9: training diverged at step 9',
      'checkpoints step 10',
      `step 20: ${join('run', 'checkpoints', 'step-20')}: incomplete checkpoint (no manifest.json)`,
      'recipe.name dcgan',
    ])
      expect(text).toContain(`${line}\n`);
    expect(JSON.parse(await inspect('run', '--json'))).toMatchObject({
      type: 'run',
      settings: { steps: 100 },
      logged: 1,
      last: { step: 10, dLoss: 1.3862943 },
      verdicts: [{ rule: 'divergence', step: 9 }],
      checkpoints: [{ step: 10 }, { step: 20 }],
    });
  });

  test('that has only begun', async () => {
    const run = await RunFolder.create(join(folder, 'run'));
    await run.writeRecipe({ steps: 100 });
    expect(await inspect('run')).toMatch(
      /^run: run that has not logged a step yet\n +progress +step 0 of 100\n/,
    );
  });
});

test.each([
  ['text', 'not an ONNX model'],
  ['empty', 'not an ONNX model \\(the file is empty\\)'],
  ['bad.safetensors', 'not a safetensors file \\(.+\\)'],
  ['nothing', 'cannot read: no such file or folder \\(ENOENT\\)'],
  ['folder', 'a folder that holds nothing; expected an .onnx'],
  ['step-9', 'incomplete checkpoint \\(no manifest.json\\)'],
])('refuses %s', async (name, message) => {
  writeFileSync(join(folder, 'text'), 'hello, this is no model');
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'bad.safetensors'), 'hello');
  mkdirSync(join(folder, 'folder'));
  mkdirSync(join(folder, 'step-9'));
  const { code, stdout, stderr } = await ganx(['inspect', name], folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(new RegExp(`^ganx: ${name}: ${message}.*\\n$`));
});
