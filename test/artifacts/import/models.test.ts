import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { InputError } from '../../../artifacts/errors.ts';
import { importModel } from '../../../artifacts/import/imported-model.ts';
import { discriminator, foreignModel, generator, node, writeForeign } from './foreign.ts';
import type { Foreign } from './foreign.ts';

const folder = mkdtempSync(join(tmpdir(), 'ganx-foreign-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const good = generator(4);
const [dense, view, last] = good.nodes as [Foreign['nodes'][0], Foreign['nodes'][0], Foreign['nodes'][0]];

/** Model, and what is said of it after its path. */
const cases: readonly (readonly [what: string, model: Foreign, problem: string])[] = [
  ['an older opset', { ...good, opset: 10 }, 'opset 10 must be from 11 to 21; export with opset_version=18'],
  ['a newer opset', { ...good, opset: 22 }, 'opset 22 must be from 11 to 21; export with opset_version=18'],
  [
    'a newer IR',
    { ...good, irVersion: 14 },
    'IR version 14 is newer than 13, the newest that ganx can carry',
  ],
  [
    'a foreign domain',
    { ...good, nodes: [dense, view, { ...last, domain: 'com.example' }] },
    `node "node images" is com.example::Tanh, must be an operator of ONNX's own domain`,
  ],
  [
    'operators that are not imported',
    {
      ...good,
      nodes: [
        dense,
        node('Unique', ['flat'], ['a']),
        node('NonZero', ['a'], ['b']),
        node('Unique', ['b'], ['images']),
      ],
    },
    'has operators that ganx does not import: Unique (2 times), NonZero',
  ],
  [
    'a cycle',
    {
      ...good,
      nodes: [node('Add', ['z', 'b'], ['a']), node('Tanh', ['a'], ['b']), node('Tanh', ['b'], ['images'])],
    },
    'node "node a" (Add) reads "b", which is computed from it or after it: the graph has a cycle or is out of order',
  ],
  [
    'a value that nothing computes',
    { ...good, nodes: [node('Tanh', ['nowhere'], ['images'])] },
    'node "node images" (Tanh) reads "nowhere", which nothing computes',
  ],
  [
    'training information',
    { ...good, model: { trainingInfo: [{}] } },
    'holds training information; export the network alone, for inference',
  ],
  [
    'a training graph of ganx',
    { ...good, model: { metadataProps: [{ key: 'format', value: 'ganx.training-step' }] } },
    'is a training graph of ganx, not a network; give its generator.onnx or discriminator.onnx',
  ],
  [
    'a generator of ganx with dropout',
    {
      ...good,
      model: {
        metadataProps: [
          { key: 'format', value: 'ganx.generator' },
          { key: 'random', value: 'true' },
        ],
      },
    },
    'draws random numbers of its own; export it anew with "ganx export RUN --deterministic"',
  ],
  [
    'an open extent that is not the batch',
    { ...good, inputs: [['z', ['N', 'M']]] },
    'input "z" [N, M] leaves extent M open; only the first, the batch, may be; export with fixed sizes',
  ],
  [
    'shapes that do not fit',
    { ...good, inputs: [['z', ['N', 5]]] },
    'Gemm: inner extents of [N, 5] and [16, 4]^T must match: 5 against 4 (at node flat)',
  ],
];

describe('a foreign model is refused by name', () => {
  test.each(cases)('%s', async (_, model, problem) => {
    const path = writeForeign(folder, 'model.onnx', model);
    await expect(importModel(path)).rejects.toThrow(new InputError(`${path}: ${problem}`));
  });

  test('with a field that the codec would drop', async () => {
    const path = join(folder, 'later.onnx');
    // Field 26 of ModelProto, `configuration`, of length 0; then the same inside of a node: `overload`.
    writeFileSync(path, Uint8Array.of(...foreignModel(good), 0xd2, 0x01, 0x00));
    await expect(importModel(path)).rejects.toThrow(`${path}: ModelProto has a field configuration, which`);
  });

  test('whose weights are in a file that is not there', async () => {
    const path = join(folder, 'external.onnx');
    const external = {
      name: 'fc.weight',
      dataType: 1,
      dims: [16, 4],
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'weights.data' }],
    };
    const graph = {
      name: 'graph',
      node: [...good.nodes],
      initializer: [external],
    };
    writeFileSync(path, foreignModel({ ...good, model: { graph } }));
    await expect(importModel(path)).rejects.toThrow(
      `${path}: its weights are in ${join(folder, 'weights.data')}, which cannot be read; keep the two files together`,
    );
    writeFileSync(join(folder, 'weights.data'), new Uint8Array(8));
    await expect(importModel(path)).rejects.toThrow('elements, its shape [16, 4] needs 64');
    external.externalData[0]!.value = '../secret';
    writeFileSync(path, foreignModel({ ...good, model: { graph } }));
    await expect(importModel(path)).rejects.toThrow(
      'is kept in ../secret, which must lie in the folder of the model',
    );
  });
});

test('a good one is read, with its shapes', async () => {
  const { inputs, outputs, tensors } = await importModel(writeForeign(folder, 'good.onnx', good));
  expect(inputs).toEqual([{ name: 'z', dtype: 'float32', shape: ['N', 4] }]);
  expect(outputs).toEqual([{ name: 'images', dtype: 'float32', shape: ['N', 1, 4, 4] }]);
  expect([...tensors].map(([name, { role }]) => [name, role])).toEqual([
    ['fc.weight', 'parameter'],
    ['fc.bias', 'parameter'],
    ['int64 shape', 'constant'],
  ]);
});

test('a batch that the file fixes, in its shapes too, is open here', async () => {
  const fixed = {
    ...good,
    inputs: [['z', [2, 4]]],
    weights: { ...good.weights, 'int64 shape': [[2, 1, 4, 4], [4]] },
  } satisfies Foreign;
  const { outputs } = await importModel(writeForeign(folder, 'fixed.onnx', fixed));
  expect(outputs).toEqual([{ name: 'images', dtype: 'float32', shape: ['N', 1, 4, 4] }]);
});

test('frozen tensors are constants', async () => {
  const { tensors } = await importModel(writeForeign(folder, 'd.onnx', discriminator(4)), ['fc.*']);
  expect(tensors.get('fc.weight')).toMatchObject({ role: 'constant', why: 'frozen' });
});
