import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { relu } from '../../graph-builder/ops/activation.ts';
import { Generator } from '../../inference/node.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { conditionalModel, discriminatorModel, grey, plainRecipe } from './generators.ts';

const expected = 'expected the generator.onnx of a ganx run';

function foreignModel(): Uint8Array {
  const graph = new Graph('foreign');
  graph.output('y', relu(graph.input('x', 'float32', ['N', 3])));
  return encodeModel(graph);
}

/** Loads what a file of that content is. */
async function refusal(content: Uint8Array | string): Promise<{ path: string; message: string }> {
  const path = join(temporaryFolder(), 'some.onnx');
  writeFileSync(path, content);
  const error: unknown = await Generator.load(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as Error;
  expect(message).not.toContain('\n');
  return { path, message };
}

describe('what is no generator is refused by name', () => {
  test('another model', async () => {
    const { path, message } = await refusal(foreignModel());
    expect(message).toBe(
      `${path}: not a ganx generator (found an ONNX model by ganx from x [N, 3] to y [N, 3]); ${expected}`,
    );
  });

  test('a discriminator', async () => {
    const { path, message } = await refusal(discriminatorModel(plainRecipe, grey));
    expect(message).toBe(
      `${path}: not a ganx generator (found an ONNX model by ganx of format ganx.discriminator from images [N, 1, 16, 16] to logits [N]); ${expected}`,
    );
  });

  test('text, nothing, and a file cut short', async () => {
    expect((await refusal('hello')).message).toMatch(
      /some\.onnx: not an ONNX model \(.+\); expected the generator/,
    );
    const empty = await refusal('');
    expect(empty.message).toBe(`${empty.path}: not an ONNX model (the file is empty); ${expected}`);
    const whole = conditionalModel();
    for (const length of [1, 20, Math.floor(whole.length / 2), whole.length - 1])
      expect((await refusal(whole.subarray(0, length))).message).toContain(expected);
  });

  test('metadata that the model does not keep', async () => {
    const { path, message } = await refusal(conditionalModel({ random: true }));
    expect(message).toBe(
      `${path}: damaged generator (random is true, but the model has no input "seed"); ${expected}`,
    );
    const generator = await Generator.load(conditionalModel({ shape: [1, 4, 1] }), { threads: 1 });
    await expect(generator.sample(2)).rejects.toThrow(
      new InputError(
        'generator: damaged model (it gave float32 [2, 1, 2, 2], its metadata promise float32 [2, 1, 4, 1])',
      ),
    );
    await generator.dispose();
  });

  test('no file, and no regular one', async () => {
    const path = join(temporaryFolder(), 'missing.onnx');
    await expect(Generator.load(path)).rejects.toThrow(
      new InputError(`${path}: cannot read: no such file or folder (ENOENT)`),
    );
    await expect(Generator.load('/dev/null')).rejects.toThrow(
      new InputError(`/dev/null: is no regular file; ${expected}`),
    );
  });
});

describe('the folder of a run', () => {
  test('gives its generator', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'generator.onnx'), conditionalModel());
    const generator = await Generator.load(folder, { threads: 1 });
    expect(generator.metadata.classes).toEqual(['cat', 'dog', 'fox']);
    await generator.dispose();
  });

  test('without one says so', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'recipe.json'), '{}');
    await expect(Generator.load(folder)).rejects.toThrow(
      new InputError(`${folder}: the run has no generator.onnx yet; it is written when training ends`),
    );
  });

  test('another folder is refused', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'a'));
    await expect(Generator.load(folder)).rejects.toThrow(
      new InputError(`${folder}: not the folder of a run (no recipe.json; found a); ${expected}`),
    );
  });
});

test.each([
  [{ device: 'tpu' }, 'device "tpu" must be cpu, cuda, cuda:<index> or webgpu'],
  [{ device: 'cuda:x' }, 'device "cuda:x" must be cpu, cuda, cuda:<index> or webgpu'],
  [null, 'settings null must be an object'],
  [{ optimization: 'fast' }, 'optimization "fast" must be disabled, basic, extended or all'],
  [
    { gpu: true },
    'settings: gpu is unknown; expected one of device, threads, optimization, onProgress, signal, encoder, workers, compile',
  ],
  [{ threads: 0 }, 'threads 0 must be an integer from 1 to 1024'],
  [{ signal: {} }, 'signal Object must be an AbortSignal'],
  [{ onProgress: 5 }, 'onProgress 5 must be a function'],
  [{ workers: -1 }, 'workers -1 must be an integer from 0 to 64'],
  [{ workers: 2, device: 'webgpu' }, 'workers 2 are for the device cpu, not for webgpu'],
  [{ compile: 'yes' }, 'compile "yes" must be true or false'],
  [{ compile: true, device: 'webgpu' }, 'compile is for the device cpu, not for webgpu'],
  [
    { compile: true, workers: 2 },
    'compile and workers are two ways to draw many samples sooner; give one of them',
  ],
])('settings %j are refused', async (settings, message) => {
  await expect(Generator.load(conditionalModel(), settings as never)).rejects.toThrow(
    new InputError(message),
  );
});

test('a device that is not there is named', async () => {
  await expect(Generator.load(conditionalModel(), { device: 'cuda:99' })).rejects.toThrow(
    /^device cuda:99 cannot be used \(.+\); "ganx doctor" tells what is missing$/,
  );
});
