import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { onnx as types } from 'onnx-proto';
import { onnx } from '../../../artifacts/onnx/proto.ts';
import { halfBits } from '../../../graph-builder/types.ts';

/** A value of a foreign model: name and shape; a text is an open extent. */
type Port = readonly [name: string, shape: readonly (number | string)[]];

export interface Foreign {
  readonly opset?: number;
  readonly irVersion?: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodes: readonly types.INodeProto[];
  readonly weights?: Readonly<Record<string, readonly [values: readonly number[], shape: readonly number[]]>>;
  readonly model?: types.IModelProto;
}

const { AttributeType } = onnx.AttributeProto;

/** A node with attributes: whole numbers, lists of them, or texts. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, number | string | readonly number[]>> = {},
): types.INodeProto {
  const attribute = Object.entries(attributes).map(([name, value]): types.IAttributeProto => {
    if (typeof value === 'string')
      return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
    if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: [...value] };
    return Number.isInteger(value)
      ? { name, type: AttributeType.INT, i: value }
      : { name, type: AttributeType.FLOAT, f: value };
  });
  return { opType, name: `node ${output[0]}`, input: [...input], output: [...output], attribute };
}

const port = ([name, shape]: Port): types.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: 1,
      shape: { dim: shape.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
    },
  },
});

/** A float32 initializer, or of the type that its name begins with. */
export function initializer(
  name: string,
  values: readonly number[],
  dims: readonly number[],
): types.ITensorProto {
  if (name.startsWith('int64')) return { name, dataType: 7, dims: [...dims], int64Data: [...values] };
  if (name.startsWith('float16'))
    return { name, dataType: 10, dims: [...dims], int32Data: values.map(halfBits) };
  return { name, dataType: 1, dims: [...dims], floatData: [...values] };
}

/** The bytes of a model as another program would write it. */
export function foreignModel({
  opset = 18,
  irVersion = 8,
  inputs,
  outputs,
  nodes,
  weights = {},
  model = {},
}: Foreign): Uint8Array {
  return onnx.ModelProto.encode({
    irVersion,
    producerName: 'test',
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'graph',
      node: [...nodes],
      input: inputs.map(port),
      output: outputs.map(port),
      initializer: Object.entries(weights).map(([name, [values, dims]]) => initializer(name, values, dims)),
    },
    ...model,
  }).finish();
}

export function writeForeign(folder: string, file: string, model: Foreign): string {
  const path = join(folder, file);
  writeFileSync(path, foreignModel(model));
  return path;
}

const ramp = (size: number) => Array.from({ length: size }, (_, i) => (((i * 7) % 11) - 5) / 20);

/** z [N, 4] -> [N, 1, size, size], by one dense layer and tanh. */
export const generator = (size: number, last = 'Tanh'): Foreign => ({
  inputs: [['z', ['N', 4]]],
  outputs: [['images', ['N', 1, size, size]]],
  nodes: [
    node('Gemm', ['z', 'fc.weight', 'fc.bias'], ['flat'], { transB: 1 }),
    node('Reshape', ['flat', 'int64 shape'], ['map']),
    node(last, ['map'], ['images']),
  ],
  weights: {
    'fc.weight': [ramp(4 * size * size), [size * size, 4]],
    'fc.bias': [ramp(size * size), [size * size]],
    'int64 shape': [[-1, 1, size, size], [4]],
  },
});

/** [N, 1, size, size] -> [N, 1], by one dense layer and a sigmoid. */
export const discriminator = (size: number, outputs = 1): Foreign => ({
  inputs: [['images', ['N', 1, size, size]]],
  outputs: [['p', ['N', outputs]]],
  nodes: [
    node('Flatten', ['images'], ['flat']),
    node('Gemm', ['flat', 'fc.weight'], ['logit'], { transB: 1 }),
    node('Sigmoid', ['logit'], ['p']),
  ],
  weights: { 'fc.weight': [ramp(outputs * size * size), [outputs, size * size]] },
});

/** A discriminator of flat samples [N, size], with a batch norm. */
export const normed = (size: number, momentum: number): Foreign => ({
  inputs: [['images', ['N', size]]],
  outputs: [['logits', ['N', 1]]],
  nodes: [
    node(
      'BatchNormalization',
      ['images', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var'],
      ['normed'],
      { momentum },
    ),
    node('Gemm', ['normed', 'fc.weight'], ['logits'], { transB: 1 }),
  ],
  weights: {
    'bn.weight': [new Array<number>(size).fill(1), [size]],
    'bn.bias': [ramp(size), [size]],
    'bn.running_mean': [new Array<number>(size).fill(0), [size]],
    'bn.running_var': [new Array<number>(size).fill(1), [size]],
    'fc.weight': [ramp(size), [1, size]],
  },
});
