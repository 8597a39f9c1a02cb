import { refuse } from '../../../graph-builder/errors.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { product } from '../../../graph-builder/shape.ts';
import type { Dim, DType } from '../../../graph-builder/types.ts';
import type { Call, Lowerings } from '../call.ts';
import type { Operand } from '../operand.ts';
import { ints, isSequence } from '../operand.ts';

function dimsOf(call: Call): readonly Dim[] {
  const operand = call.operands[0] ?? refuse('input 0 is missing');
  return isSequence(operand) ? refuse('a list of tensors has no shape') : operand.shape;
}

function shape(call: Call): Operand {
  const all = dimsOf(call);
  return ints(
    all.slice(call.int('start', 0), call.node.attributes.has('end') ? call.int('end', 0) : all.length),
  );
}

function constant(call: Call): Operand {
  const value = call.tensor('value');
  if (value) return call.graph.constant(value);
  const scalar = (dtype: DType, x: number): Operand => ({ dtype, shape: [], elements: [x] });
  const list = (dtype: DType, xs: readonly number[]): Operand => ({
    dtype,
    shape: [xs.length],
    elements: xs,
  });
  if (call.node.attributes.has('value_int')) return scalar('int64', call.int('value_int', 0));
  if (call.node.attributes.has('value_float')) return scalar('float32', call.float('value_float', 0));
  const [integers, floats] = [call.ints('value_ints'), call.ints('value_floats')];
  if (integers) return list('int64', integers);
  if (floats) return list('float32', floats);
  return refuse('holds no tensor and no numbers');
}

/** One number in every place. Small ones of a known shape stay known, as parts of shapes are made of them. */
function constantOfShape(call: Call): Operand {
  const sizes = call.sizes(0);
  const value = call.tensor('value');
  const dtype = value?.dtype ?? 'float32';
  const number = value ? Number(value.data[0]) : 0;
  if (sizes.length === 1 && typeof sizes[0] === 'number' && sizes[0] <= 16)
    return { dtype, shape: [sizes[0]], elements: Array.from({ length: sizes[0] }, () => number) };
  return ops.expand(call.graph.scalar(number, dtype), sizes);
}

/** Where shapes come from; what is computed from them is in `fold.ts`. */
export const sizes: Lowerings = {
  Shape: shape,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Size: (call) => ({ dtype: 'int64', shape: [], elements: [product(dimsOf(call))] }),
};
