import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeSafetensors } from '../../artifacts/safetensors.ts';
import { readInitializers } from '../../artifacts/onnx/decode.ts';
import { discriminator, generator, node, normed, writeForeign } from '../artifacts/import/foreign.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const short = ['--steps', '4', '--batch', '16'];

function networks(size = 8): { folder: string; both: string[] } {
  const folder = temporaryFolder();
  writeForeign(folder, 'G.onnx', generator(size));
  writeForeign(folder, 'D.onnx', discriminator(size));
  return { folder, both: ['train', '--generator', 'G.onnx', '--discriminator', 'D.onnx', ...short] };
}

const tensorsIn = (path: string) => decodeSafetensors(readFileSync(path), path).tensors;

describe('imported networks', () => {
  test('are trained, and exported under the names that they had', async () => {
    const { folder, both } = networks();
    const { code, stdout, stderr } = await ganx([...both, '--out', 'run'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('note: D.onnx: ends in a sigmoid, which is left out: D is trained on logits');
    const before = readInitializers(readFileSync(join(folder, 'G.onnx')), 'G.onnx');
    const weights = tensorsIn(join(folder, 'run/generator.safetensors'));
    expect([...weights.keys()].sort()).toEqual(['fc.bias', 'fc.weight']);
    expect(weights.get('fc.weight')!.shape).toEqual([64, 4]);
    expect(weights.get('fc.weight')!.data).not.toEqual(before.get('fc.weight')!.data);
    const exported = readInitializers(readFileSync(join(folder, 'run/generator.onnx')), 'generator.onnx');
    expect(exported.get('fc.weight')!.data).toEqual(weights.get('fc.weight')!.data);
    expect([...tensorsIn(join(folder, 'run/discriminator.safetensors')).keys()]).toEqual(['fc.weight']);
  });

  test('go on from the copies in the run folder, bit for bit', async () => {
    const { folder, both } = networks();
    await ganx([...both, '--out', 'whole', '--threads', '1'], folder);
    await ganx([...both, '--out', 'parts', '--threads', '1', '--steps', '2'], folder);
    writeFileSync(join(folder, 'G.onnx'), 'gone');
    const { code, stderr } = await ganx(
      ['train', '--resume', '--out', 'parts', '--threads', '1', '--steps', '4'],
      folder,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const file of ['generator.safetensors', 'discriminator.safetensors', 'generator.onnx'])
      expect(readFileSync(join(folder, 'parts', file)), file).toEqual(
        readFileSync(join(folder, 'whole', file)),
      );
    writeForeign(join(folder, 'parts/imported/generator'), 'G.onnx', generator(8, 'Sigmoid'));
    const changed = await ganx(['train', '--resume', '--out', 'parts', '--steps', '6'], folder);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain('G.onnx: was changed after the run began');
  });

  const alone = ['--generator', 'G.onnx'];
  const mlp = '{"kind":"mlp","zDim":50,"hidden":8,"layers":2,"normalization":"none","slope":0}';
  test.each([
    [alone, 'network.zDim=50', 'network.zDim=50 does not fit G.onnx, which takes a z of 4; leave it out'],
    [alone, `network=${mlp}`, 'does not fit G.onnx, which takes a z of 4; leave it out'],
    [
      [...alone, '--discriminator', 'D.onnx'],
      'network.filters=8',
      'network.filters=8 changes nothing where both networks are from files; leave it out',
    ],
  ])('refuse %j --set %s, which would have no effect', async (files, setting, message) => {
    const { folder } = networks(16);
    const { code, stderr } = await ganx(['train', ...files, ...short, '--set', setting], folder);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test('let what is not from a file be set', async () => {
    const { folder } = networks(16);
    const args = ['--set', 'network.zDim=4', '--set', 'network.filters=4', '--size', '16', '--steps', '1'];
    const { code, stderr } = await ganx(['train', '--generator', 'G.onnx', '--out', 'run', ...args], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('with a norm of momentum 1 are trained, with a word on its statistics', async () => {
    const folder = temporaryFolder();
    writeForeign(folder, 'D.onnx', normed(256, 1));
    const { code, stdout } = await ganx(
      ['train', '--discriminator', 'D.onnx', ...short, '--out', 'run'],
      folder,
    );
    expect(code).toBe(0);
    expect(stdout).toContain(
      'note: discriminator: 2 running statistics are not updated: the norm has momentum 1 in the file',
    );
    const { data } = tensorsIn(join(folder, 'run/discriminator.safetensors')).get('bn.running_mean')!;
    expect(Array.from(data as Float32Array)).toEqual(new Array(256).fill(0));
  });

  test('keep what is frozen, bit for bit', async () => {
    const { folder, both } = networks();
    const { code } = await ganx([...both, '--freeze', 'generator/fc.w*', '--out', 'run'], folder);
    expect(code).toBe(0);
    const before = readInitializers(readFileSync(join(folder, 'G.onnx')), 'G.onnx');
    const after = tensorsIn(join(folder, 'run/generator.safetensors'));
    expect(after.get('fc.weight')!.data).toEqual(before.get('fc.weight')!.data);
    expect(after.get('fc.bias')!.data).not.toEqual(before.get('fc.bias')!.data);
    const d = readInitializers(readFileSync(join(folder, 'D.onnx')), 'D.onnx');
    expect(tensorsIn(join(folder, 'run/discriminator.safetensors')).get('fc.weight')!.data).not.toEqual(
      d.get('fc.weight')!.data,
    );
  });

  test('play against networks of ganx', async () => {
    const { folder } = networks(16);
    for (const role of ['generator', 'discriminator']) {
      const file = role === 'generator' ? 'G.onnx' : 'D.onnx';
      const { code, stderr } = await ganx(['train', `--${role}`, file, ...short, '--out', role], folder);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });
});

describe('networks that do not fit are refused in one line', () => {
  test.each([
    [
      ['--generator', 'small.onnx', '--size', '16'],
      'small.onnx: as a generator it makes samples of [1, 8, 8], and the data has [1, 16, 16]; choose other data or --size',
    ],
    [
      ['--generator', 'G.onnx', '--discriminator', 'small-d.onnx'],
      'small-d.onnx: as a discriminator it takes samples of [1, 8, 8], and the data has [1, 16, 16]; choose other data or --size',
    ],
    [
      ['--discriminator', 'two.onnx'],
      'two.onnx: as a discriminator it must give one logit a sample, [N], [N, 1] or [N, 1, 1, 1], and gives [N, 2]',
    ],
    [
      ['--discriminator', 'flat.onnx'],
      'flat.onnx: as a discriminator it must give one logit a sample, [N], [N, 1] or [N, 1, 1, 1], and gives [N, 1, 16, 16]',
    ],
    [
      ['--generator', 'D.onnx'],
      'D.onnx: as a generator it must make samples of two numbers or more, and gives [N, 1]',
    ],
    [
      ['--generator', 'half.onnx'],
      'half.onnx: has nothing to train; weights must be float32, and its tensors are float16',
    ],
    [['--generator', 'none.onnx'], 'none.onnx: cannot read: no such file or folder (ENOENT)'],
    [
      ['--generator', 'G.onnx', '--freeze', 'main.*'],
      '--freeze: main.* fits no tensor; there are fc.weight, fc.bias',
    ],
    [['--freeze', 'x'], '--freeze: needs --generator or --discriminator, whose tensors it names'],
    [['--generator', 'G.onnx', '--freeze', '*'], 'G.onnx: has nothing to train; --freeze * leaves no tensor'],
    [
      ['--generator', 'G.onnx', '--recipe', 'dcgan'],
      'recipe dcgan cannot make images [1,16,16]: dropout: works on the layers of the generator, and this one is imported; turn it off with --set techniques.dropout={"rate":0,"layers":0}',
    ],
    [
      ['--discriminator', 'D.onnx', '--set', 'techniques.minibatchDiscrimination.kernels=4'],
      'recipe finetune cannot make images [1,16,16]: minibatch-discrimination: works on the layers of the discriminator, and this one is imported; turn it off with --set techniques.minibatchDiscrimination.kernels=0',
    ],
    [
      ['--discriminator', 'D.onnx', '--set', 'techniques.gradientPenalty.between=10'],
      'recipe finetune cannot make images [1,16,16]: gradient-penalty: between: needs a discriminator that judges each sample by itself, which is not known of an imported one; in one of ganx set network.normalization to none or instance and techniques.minibatchDiscrimination.kernels to 0',
    ],
  ])('%j', async (flags, message) => {
    const { folder } = networks(16);
    writeForeign(folder, 'small.onnx', generator(8));
    writeForeign(folder, 'small-d.onnx', discriminator(8));
    writeForeign(folder, 'two.onnx', discriminator(16, 2));
    // A generator for a discriminator: its input [N, 4, 1, 1] looks like images of one pixel.
    const made = generator(16);
    writeForeign(folder, 'flat.onnx', {
      ...made,
      inputs: [['z', ['N', 4, 1, 1]]],
      nodes: [
        node('Flatten', ['z'], ['rows']),
        { ...made.nodes[0]!, input: ['rows', 'fc.weight', 'fc.bias'] },
        ...made.nodes.slice(1),
      ],
    });
    const [fcWeight, shape] = [made.weights!['fc.weight']!, made.weights!['int64 shape']!];
    writeForeign(folder, 'half.onnx', {
      ...made,
      nodes: [
        node('Cast', ['float16 weight'], ['weight'], { to: 1 }),
        node('Gemm', ['z', 'weight'], ['flat'], { transB: 1 }),
        ...made.nodes.slice(1),
      ],
      weights: { 'float16 weight': fcWeight, 'int64 shape': shape },
    });
    expect(await ganx(['train', ...flags, ...short, '--out', 'run'], folder)).toEqual({
      code: 2,
      stdout: '',
      stderr: `ganx: ${message}\n`,
    });
  });
});
