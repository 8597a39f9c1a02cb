import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../artifacts/errors.ts';
import { onnx } from '../../../artifacts/onnx/proto.ts';
import { importModel } from '../../../artifacts/import/imported-model.ts';
import { sharedFolder } from '../../temporary-folder.ts';
import { discriminator, foreignModel, generator, node, normed, writeForeign } from './foreign.ts';
import type { Foreign } from './foreign.ts';

const folder = sharedFolder();

const good = generator(4);
const [dense, view, last] = good.nodes as [Foreign['nodes'][0], Foreign['nodes'][0], Foreign['nodes'][0]];

/** Rows of `columns` as columns. */
const transposed = (rows: readonly number[], columns: number) =>
  Array.from({ length: columns }, (_, j) => rows.filter((_, i) => i % columns === j)).flat();

/** Model, and what is said of it after its path. */
/** A node with a graph that reads `flat` from around it. */
const branching = (op: string, input: string) => ({
  ...node(op, [input], ['map']),
  attribute: ['then_branch', 'else_branch'].map((name) => ({
    name,
    type: onnx.AttributeProto.AttributeType.GRAPH,
    g: { node: [node(name === 'then_branch' ? 'Tanh' : 'Sigmoid', ['flat'], [name])], output: [{ name }] },
  })),
});

const cases: readonly (readonly [what: string, model: Foreign, problem: string])[] = [
  ['an older opset', { ...good, opset: 8 }, 'opset 8 must be from 9 to 21; export with opset_version=18'],
  ['a newer opset', { ...good, opset: 22 }, 'opset 22 must be from 9 to 21; export with opset_version=18'],
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
    'an input twice',
    { ...good, inputs: [...good.inputs, ...good.inputs] },
    'input "z" is there twice; names must be unique',
  ],
  [
    'an output that two nodes give',
    { ...good, nodes: [...good.nodes, last] },
    'output of a node "images" is there twice; names must be unique',
  ],
  [
    'a copy of a weight that was folded',
    {
      ...good,
      nodes: [
        node('MatMul', ['z', 'onnx::MatMul_7'], ['folded']),
        node('Gemm', ['z', 'fc.weight', 'folded'], ['flat'], { transB: 1 }),
        view,
        last,
      ],
      weights: {
        ...good.weights,
        'onnx::MatMul_7': [transposed(good.weights!['fc.weight']![0], 4), [4, 16]],
      },
    },
    '"onnx::MatMul_7" is a copy of "fc.weight" that the exporter has made, and training would part the two; export with do_constant_folding=False, or optimize=False',
  ],
  [
    'a batch that the file fixes and multiplies',
    {
      ...good,
      inputs: [['z', [3, 4]]],
      nodes: [dense, node('Reshape', ['flat', 'int64 parts'], ['map']), last],
      weights: { ...good.weights, 'int64 parts': [[6, 8], [2]] },
    },
    'Reshape: shape [N, 16] cannot be viewed as [6, 8]: element counts differ (at node map); the file fixes the batch at 3, and may be readable with an open one (dynamic_axes or dynamic_shapes)',
  ],
  [
    'weights of another type, which is not for the batch',
    {
      ...good,
      inputs: [['z', [3, 4]]],
      nodes: [dense, node('Mul', ['flat', 'float16 gain'], ['map']), last],
      weights: { ...good.weights, 'float16 gain': [[1], [1]] },
    },
    'Mul: operand types float32 and float16 must be equal (at node map); weights are read as float32, and "float16 gain" is float16; export the network after .float()',
  ],
  [
    'an index that reaches too far',
    {
      ...good,
      nodes: [dense, node('Gather', ['flat', 'int64 at'], ['map'], { axis: 1 }), last],
      weights: { ...good.weights, 'int64 at': [[16], [1]] },
    },
    'Gather: index 16 must be in [-16, 15] (at node map)',
  ],
  [
    'a choice by what only a run tells',
    {
      ...good,
      nodes: [dense, node('Greater', ['flat', 'flat'], ['positive']), branching('If', 'positive'), last],
    },
    'node "node map" (If) chooses by what only a run would tell; write the network without the choice, or export with dynamo=True',
  ],
  [
    'a graph that is repeated',
    { ...good, nodes: [dense, branching('Loop', 'flat'), last] },
    'node "node map" (Loop): repeats a graph, which ganx does not import',
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

test.each([
  [1, 'Tanh'],
  [0, 'Sigmoid'],
])('of a choice that is known the branch is taken: %d', async (condition, op) => {
  const path = writeForeign(folder, 'model.onnx', {
    ...good,
    nodes: [
      dense,
      node('Cast', ['int64 chosen'], ['condition'], { to: 9 }),
      branching('If', 'condition'),
      node('Identity', ['map'], ['images']),
    ],
    weights: { ...good.weights, 'int64 chosen': [[condition], [1]] },
  });
  const { model } = await importModel(path);
  expect(model.nodes.map((each) => each.op)).toEqual(['Gemm', 'Cast', op, 'Identity', 'Identity']);
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

test('the batch becomes one axis with others, by arithmetic on its extent', async () => {
  const heads = {
    inputs: [['x', ['N', 5, 4]]],
    outputs: [['y', ['N', 5, 4]]],
    nodes: [
      node('Shape', ['x'], ['shape']),
      node('Gather', ['shape', 'int64 first'], ['n']),
      node('Mul', ['n', 'int64 two'], ['n heads']),
      // The batch second, where Slice or Squeeze would have their axes.
      node('Concat', ['int64 five', 'n heads', 'int64 two'], ['as heads']),
      node('Reshape', ['x', 'as heads'], ['split']),
      node('Transpose', ['split'], ['swapped'], { perm: [1, 0, 2] }),
      node('Div', ['n heads', 'int64 two'], ['again']),
      node('Concat', ['again', 'int64 five', 'int64 rest'], ['whole']),
      node('Reshape', ['swapped', 'whole'], ['y']),
    ],
    weights: {
      'int64 first': [[0], [1]],
      'int64 two': [[2], [1]],
      'int64 five': [[5], [1]],
      'int64 rest': [[-1], [1]],
    },
  } satisfies Foreign;
  const { outputs } = await importModel(writeForeign(folder, 'heads.onnx', heads));
  expect(outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 5, 4] }]);
});

test('a constant is repeated once a sample', async () => {
  const coordinates = {
    inputs: [['x', ['N', 3]]],
    outputs: [['y', ['N', 5]]],
    nodes: [
      node('Shape', ['x'], ['n'], { end: 1 }),
      node('Concat', ['n', 'int64 two'], ['sizes']),
      node('Expand', ['along', 'sizes'], ['each']),
      node('Concat', ['x', 'each'], ['y'], { axis: 1 }),
    ],
    weights: {
      'int64 two': [[2], [1]],
      along: [
        [-1, 1],
        [1, 2],
      ],
    },
  } satisfies Foreign;
  const { outputs } = await importModel(writeForeign(folder, 'coordinates.onnx', coordinates));
  expect(outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 5] }]);
});

test('a constant that is cast like a value is known', async () => {
  const bounded = {
    ...good,
    nodes: [
      dense,
      node('CastLike', ['int64 low', 'flat'], ['low']),
      node('CastLike', ['int64 high', 'flat'], ['high']),
      node('Clip', ['flat', 'low', 'high'], ['clipped']),
      node('Reshape', ['clipped', 'int64 shape'], ['map']),
      last,
    ],
    weights: { ...good.weights, 'int64 low': [[0], []], 'int64 high': [[6], []] },
  } satisfies Foreign;
  const { outputs } = await importModel(writeForeign(folder, 'bounded.onnx', bounded));
  expect(outputs).toEqual([{ name: 'images', dtype: 'float32', shape: ['N', 1, 4, 4] }]);
});

test.each([
  [1, 'not updated: the norm has momentum 1 in the file, as PyTorch writes momentum=None; give it a number'],
  [0.9, undefined],
])('running statistics of momentum %d', async (momentum, why) => {
  const path = writeForeign(folder, 'norm.onnx', normed(4, momentum));
  const { tensors } = await importModel(path);
  for (const name of ['bn.running_mean', 'bn.running_var'])
    expect(tensors.get(name)).toMatchObject({ role: 'statistic', ...(why && { why }) });
  expect(tensors.get('bn.running_var')!.why).toBe(why);
});

test('operators in the forms of opset 9', async () => {
  const old = {
    opset: 9,
    inputs: [['x', ['N', 1, 4, 4]]],
    outputs: [['y', ['N', 1, 6, 4]]],
    nodes: [
      node('Slice', ['x'], ['part'], { axes: [2, 3], starts: [1, -2], ends: [2 ** 40, 4] }),
      node('Upsample', ['part', 'scales'], ['y'], { mode: 'nearest' }),
    ],
    weights: { scales: [[1, 1, 2, 2], [4]] },
  } satisfies Foreign;
  const { outputs, tensors } = await importModel(writeForeign(folder, 'old.onnx', old));
  expect(tensors.get('scales')).toMatchObject({ role: 'constant', why: 'a setting of its operator' });
  expect(outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['N', 1, 6, 4] }]);
});

test('tensors that are equal because they are all one number are no copies', async () => {
  const zeros = {
    ...good,
    nodes: [
      dense,
      node('Add', ['flat', 'position'], ['a']),
      node('Add', ['a', 'val_3'], ['b']),
      node('Reshape', ['b', 'int64 shape'], ['map']),
      last,
    ],
    weights: {
      ...good.weights,
      position: [new Array<number>(16).fill(0), [1, 16]],
      val_3: [new Array<number>(16).fill(0), [1, 16]],
    },
  } satisfies Foreign;
  const { tensors } = await importModel(writeForeign(folder, 'zeros.onnx', zeros));
  expect(tensors.get('position')).toMatchObject({ role: 'parameter' });
});

test('frozen tensors are constants', async () => {
  const { tensors } = await importModel(writeForeign(folder, 'd.onnx', discriminator(4)), ['fc.*']);
  expect(tensors.get('fc.weight')).toMatchObject({ role: 'constant', why: 'frozen' });
});
