import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { readInitializers, readModelInfo } from '../../artifacts/onnx/decode.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { add, mul } from '../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { tensor } from '../../graph-builder/types.ts';
import { python, pythonLacks } from './python.ts';

function smallModel(): Uint8Array {
  const graph = new Graph('small');
  const x = graph.input('x', 'float32', ['N', 2]);
  const weight = graph.constant(tensor('float32', [1, 2], [1, 2]), 'weight');
  const body = new Graph('body', graph);
  body.input('i', 'int64', []);
  body.output('on', body.input('on', 'bool', []));
  body.output('x', add(mul(body.input('x', 'float32', ['N', 2]), weight), 1));
  const [y] = loop(graph.input('K', 'int64', []), body, [mul(x, weight)]);
  graph.output('y', reshape(y!, ['N', 2, 1]));
  return encodeModel(graph, { metadata: { recipe: 'dcgan' }, producerVersion: '0.1.0' });
}

const onnxModel = (fields: Parameters<typeof onnx.ModelProto.encode>[0]): Uint8Array =>
  onnx.ModelProto.encode(fields).finish();

const withInitializer = (
  initializer: NonNullable<Parameters<typeof onnx.GraphProto.encode>[0]['initializer']>[0],
) =>
  onnxModel({
    irVersion: 8,
    opsetImport: [{ version: 18 }],
    graph: { name: 'g', initializer: [initializer] },
  });

/** The message an InputError carries; any other outcome fails. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('was not refused');
}

describe('readModelInfo', () => {
  test('tells ports, operators, initializers and metadata', () => {
    expect(readModelInfo(smallModel(), 'small.onnx')).toEqual({
      irVersion: 8,
      opset: 18,
      producer: 'ganx',
      producerVersion: '0.1.0',
      metadata: { recipe: 'dcgan' },
      inputs: [
        { name: 'x', dtype: 'float32', shape: ['N', 2] },
        { name: 'K', dtype: 'int64', shape: [] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2, 1] }],
      opCounts: { Mul: 2, Add: 1, Loop: 1, Reshape: 1 },
      initializers: [
        { name: 'weight', dtype: 'float32', shape: [1, 2], bytes: 8 },
        { name: 'int64_[-1,2,1]', dtype: 'int64', shape: [3], bytes: 24 },
      ],
      parameterCount: 2,
    });
  });

  test('an initializer that is listed as an input, as old models do, is no input; open extents are ?', () => {
    const type = { tensorType: { elemType: 1, shape: { dim: [{}, { dimValue: 2 }] } } };
    const info = readModelInfo(
      onnxModel({
        irVersion: 3,
        opsetImport: [{ domain: 'com.example', version: 1 }, { version: 9 }],
        graph: {
          input: [
            { name: 'x', type },
            { name: 'w', type },
          ],
          initializer: [{ name: 'w', dataType: 16, dims: [1, 2] }],
        },
      }),
      'old.onnx',
    );
    expect(info.opset).toBe(9);
    expect(info.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['?', 2] }]);
    expect(info.initializers).toEqual([{ name: 'w', dtype: 'bfloat16', shape: [1, 2], bytes: 4 }]);
  });

  test.each([
    ['nothing', new Uint8Array(), 'm.onnx: not an ONNX model (the file is empty)'],
    ['text', new TextEncoder().encode('hello world'), /^m\.onnx: not an ONNX model \(.*\)$/],
    [
      'no IR version',
      onnxModel({ producerName: 'x' }),
      'm.onnx: not an ONNX model (no IR version of 3 or more in its 3 bytes)',
    ],
    ['no graph', onnxModel({ irVersion: 8 }), 'm.onnx: not an ONNX model (it holds no graph)'],
    [
      'no operator set',
      onnxModel({ irVersion: 8, graph: { name: 'g' } }),
      'm.onnx: not an ONNX model (it names no operator set; the file may be cut short)',
    ],
  ])('refuses %s', (_, bytes, message) => {
    const text = refusal(() => readModelInfo(bytes, 'm.onnx'));
    if (typeof message === 'string') expect(text).toBe(message);
    else expect(text).toMatch(message);
  });

  test('refuses a model cut anywhere before its metadata, on one line', () => {
    const bytes = smallModel();
    const whole = bytes.length - onnxModel({ metadataProps: [{ key: 'recipe', value: 'dcgan' }] }).length;
    for (let length = 0; length < whole; length++) {
      const message = refusal(() => readModelInfo(bytes.subarray(0, length), 'cut.onnx'));
      expect(message).toMatch(/^cut\.onnx: not an ONNX model \(.+\)$/);
    }
  });

  test('refuses random bytes', () => {
    let state = 1;
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from({ length: 64 }, () => (state = Math.imul(state, 48271) >>> 0) >>> 24);
      expect(refusal(() => readModelInfo(bytes, 'noise.onnx'))).toMatch(/^noise\.onnx: not an ONNX model/);
    }
  });
});

describe('readInitializers', () => {
  test('gives back what was written, of every type', () => {
    const graph = new Graph('types');
    const written = {
      float32: tensor('float32', [1.5, -0, 3], [3, 1]),
      float64: tensor('float64', [Math.PI]),
      int32: tensor('int32', [-1, 2 ** 31 - 1]),
      uint32: tensor('uint32', [2 ** 32 - 1]),
      int64: { dtype: 'int64', shape: [], data: BigInt64Array.of(-(2n ** 63n)) },
      uint8: tensor('uint8', [0, 255]),
      bool: tensor('bool', [1, 0]),
      float16: { dtype: 'float16', shape: [1], data: Uint16Array.of(0x3c00) },
    } as const;
    for (const [name, data] of Object.entries(written))
      graph.output(`${name}_out`, graph.constant(data, name));
    expect(Object.fromEntries(readInitializers(encodeModel(graph), 'm.onnx'))).toEqual(written);
  });

  test('reads the typed fields that other exporters write', () => {
    const read = (dataType: number, field: object) =>
      readInitializers(withInitializer({ name: 'w', dims: [2], dataType, ...field }), 'm.onnx').get('w')!
        .data;
    expect(read(1, { floatData: [1, 2.5] })).toEqual(Float32Array.of(1, 2.5));
    expect(read(7, { int64Data: [-1, 5] })).toEqual(BigInt64Array.of(-1n, 5n));
    expect(read(9, { int32Data: [1, 0] })).toEqual(Uint8Array.of(1, 0));
    expect(read(12, { uint64Data: [1, 4294967295] })).toEqual(Uint32Array.of(1, 4294967295));
  });

  test.each([
    [
      { dataType: 16, dims: [1], rawData: Uint8Array.of(0, 0) },
      'm.onnx: initializer "w" has element type bfloat16, which ganx lacks',
    ],
    [
      { dataType: 1, dims: [2], rawData: new Uint8Array(4) },
      'm.onnx: initializer "w" has 1 elements, its shape [2] needs 2',
    ],
    [
      { dataType: 1, dims: [2], rawData: new Uint8Array(7) },
      'm.onnx: initializer "w" has no whole number of elements, its shape [2] needs 2',
    ],
    [
      { dataType: 1, dims: [2], dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] },
      'm.onnx: initializer "w" is kept in a file of its own; save the model with its weights inside',
    ],
  ])('refuses %j', (fields, message) => {
    expect(refusal(() => readInitializers(withInitializer({ name: 'w', ...fields }), 'm.onnx'))).toBe(
      message,
    );
  });

  const lacks = pythonLacks('onnx', 'numpy');
  test.skipIf(lacks !== undefined)(
    `Python's onnx reads the same weights${lacks ? ` (skipped: ${lacks})` : ''}`,
    () => {
      const program = `
import onnx
from onnx import numpy_helper
model = onnx.load('m.onnx')
print({i.name: numpy_helper.to_array(i).tolist() for i in model.graph.initializer})`;
      expect(python(program, { 'm.onnx': smallModel() })).toBe(
        "{'weight': [[1.0, 2.0]], 'int64_[-1,2,1]': [-1, 2, 1]}\n",
      );
    },
  );
});
