import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { fold } from '../../../artifacts/import/fold.ts';
import type { Attributes } from '../../../artifacts/import/fold.ts';
import type { Known } from '../../../artifacts/import/operand.ts';
import { onnx } from '../../../artifacts/onnx/proto.ts';
import type { Dim } from '../../../graph-builder/types.ts';
import { node } from './foreign.ts';

const types = { float32: 1, int32: 6, int64: 7, bool: 9 } as const;
type Type = keyof typeof types;
const known = (dtype: Type, elements: readonly Dim[], shape = [elements.length]): Known => ({
  dtype,
  elements,
  shape,
});
const floats = (...elements: number[]) => known('float32', elements.map(Math.fround));
const ints = (...elements: Dim[]) => known('int64', elements);

type Given = Readonly<Record<string, number>>;
const attributes = (given: Given, operands: readonly Known[]): Attributes => ({
  int: (name, fallback) => given[name] ?? fallback,
  list: (_, i) => operands[i]?.elements as readonly number[] | undefined,
  to: undefined,
  perm: undefined,
});

/** What onnxruntime makes of an operator on constants. */
async function computed(op: string, operands: readonly Known[], given: Given, result: Type) {
  const names = operands.map((_, i) => `operand${i}`);
  const bytes = onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'graph',
      node: [node(op, names, ['result'], given)],
      initializer: operands.map(({ dtype, shape, elements }, i) => ({
        name: names[i]!,
        dataType: types[dtype as Type],
        dims: [...shape],
        ...(dtype === 'int64'
          ? { int64Data: elements as number[] }
          : dtype === 'bool' || dtype === 'int32'
            ? { int32Data: elements as number[] }
            : { floatData: elements as number[] }),
      })),
      output: [{ name: 'result', type: { tensorType: { elemType: types[result] } } }],
    },
  }).finish();
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { data, dims } = (await session.run({})).result!;
  await session.release();
  return { dtype: result, shape: [...dims], elements: Array.from(data as ArrayLike<number>, Number) };
}

const cases: [op: string, operands: readonly Known[], given?: Given, result?: Type][] = [
  ['Max', [floats(0.1, -4), floats(0.2, 3), floats(0.9, 1)]],
  ['Min', [floats(0.6), floats(0.4, 3), floats(0.1, 1), floats(0.7, -2)]],
  ['Max', [ints(3, -4), ints(1, 5)]],
  ['Mod', [ints(-7, 7, -7, 7), ints(3, -3, -3, 3)]],
  ['Mod', [ints(-7, 7, -7, 7), ints(3, -3, -3, 3)], { fmod: 1 }],
  ['Mod', [floats(-7, 7.5, -6), floats(3, -3, 4)], { fmod: 1 }],
  ['Pow', [ints(2, 2, 9, -3), floats(0.5, 3, 0.5, 3)]],
  ['Pow', [floats(2, 3), ints(3, -1)]],
  ['Div', [ints(7, -7), ints(2, 2)]],
  ['Mul', [known('int32', [100_000]), known('int32', [100_000])]],
  ['Add', [floats(0.1), floats(0.2)]],
  ['Sqrt', [floats(2, 0.3)]],
  ['Exp', [floats(0.3, -2)]],
  ['ReduceSum', [floats(0.1, 0.2, 0.3)], { keepdims: 0 }],
  ['ReduceSum', [floats(1, 2, 3), ints()], { noop_with_empty_axes: 1 }],
  ['ReduceSum', [floats(1, 2, 3), ints()]],
  ['ReduceProd', [known('int64', [], [0])], { keepdims: 0 }],
  ['ReduceMax', [ints(3, 9, -1)]],
  ['Equal', [ints(4, 3), ints(4, 4)], {}, 'bool'],
  ['GreaterOrEqual', [floats(1, 2, 3), floats(2)], {}, 'bool'],
  ['And', [known('bool', [1, 1, 0]), known('bool', [1, 0, 0])], {}, 'bool'],
  ['Where', [known('bool', [1, 0]), floats(1, 2), floats(3)], {}, 'float32'],
];

describe('an operator on constants is what onnxruntime makes of it', () => {
  test.each(cases)('%s of %j, %j', async (op, operands, given = {}, result = operands[0]!.dtype as Type) => {
    const found = fold(op, operands, attributes(given, operands))!;
    const wanted = await computed(op, operands, given, result);
    expect(found.dtype).toBe(wanted.dtype);
    expect(found.shape).toEqual(wanted.shape);
    found.elements.forEach((element, i) => {
      expect(element).toBeCloseTo(wanted.elements[i]!, 6);
    });
  });
});

describe('the extent of a batch', () => {
  const of = (op: string, ...operands: Known[]) => fold(op, operands, attributes({}, operands))?.elements;

  test('equals itself and no marker, and is asked no more', () => {
    expect(of('Equal', ints('N'), ints('N'))).toEqual([1]);
    expect(of('Equal', ints('N', 'N'), ints(-1, 0))).toEqual([0, 0]);
    expect(of('Greater', ints('N'), ints(0))).toEqual([1]);
    for (const op of ['Equal', 'Greater', 'LessOrEqual'])
      expect(() => of(op, ints('N'), ints(4))).toThrow(
        'N and 4 cannot be compared before the batch is known',
      );
  });
});
