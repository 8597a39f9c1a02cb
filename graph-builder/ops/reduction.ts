import type { Value } from '../graph.ts';
import { expectDType, expectIntegers, emitOne, floats, numbers } from './op.ts';
import type { OpDef } from './op.ts';
import { refuse } from '../errors.ts';
import { fixed, normalizeAxes } from '../shape.ts';
import type { DType, TensorType } from '../types.ts';
import { equal } from './comparison.ts';
import { cast, div, exp, mul, sign, sub, where } from './elementwise.ts';
import { concat, expand, pad, reshape, slice } from './movement.ts';

export interface ReductionAttributes {
  /** Axes to reduce, negative ones from the end; all of them where absent. */
  readonly axes?: readonly number[] | undefined;
  /** Keep reduced axes with extent 1. */
  readonly keepdims: boolean;
}

function infer(allowed: readonly DType[]) {
  return ([x]: readonly Value[], { axes, keepdims }: ReductionAttributes): readonly TensorType[] => {
    expectDType('input', x!, allowed);
    // ONNX takes an empty list for all axes.
    if (axes?.length === 0) refuse('axes [] must name at least one axis');
    const reduced = new Set(normalizeAxes(axes ?? x!.shape.map((_, i) => i), x!.rank));
    const shape = x!.shape.flatMap((dim, i) => (reduced.has(i) ? (keepdims ? [1] : []) : [dim]));
    return [{ dtype: x!.dtype, shape }];
  };
}

/** A reduced tensor with its reduced axes back as extent 1, so that it broadcasts against the input. */
function unreduce(reduced: Value, x: Value, { axes, keepdims }: ReductionAttributes): Value {
  if (keepdims) return reduced;
  const kept = new Set(normalizeAxes(axes ?? x.shape.map((_, i) => i), x.rank));
  return reshape(
    reduced,
    x.shape.map((dim, i) => (kept.has(i) ? 1 : dim)),
  );
}

/** Elements summed into one output; symbolic extents cannot be counted. */
export function elementsReduced(x: Value, axes: readonly number[] | undefined): number {
  return normalizeAxes(axes ?? x.shape.map((_, i) => i), x.rank).reduce(
    (n, axis) => n * fixed(x.shape[axis]),
    1,
  );
}

const axesInput = { attributeInputs: { axes: 1 } } as const;

/** dy spread over the reduced axes */
export const ReduceSum: OpDef<ReductionAttributes> = {
  type: 'ReduceSum',
  ...axesInput,
  infer: infer(numbers),
  gradient: ({ inputs: [x], attributes, dy }) => [() => expand(unreduce(dy, x!, attributes), x!.shape)],
};

/** dy / n spread over the reduced axes */
export const ReduceMean: OpDef<ReductionAttributes> = {
  type: 'ReduceMean',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], attributes, dy }) => [
    () => expand(mul(unreduce(dy, x!, attributes), 1 / elementsReduced(x!, attributes.axes)), x!.shape),
  ],
};

/** The sum of halves, added up in float32: x float16 -> float32. As halves, ones add up to 2048 at most. */
export const SumInFloat32: OpDef<ReductionAttributes> = {
  type: 'SumInFloat32',
  infer: ([x], attributes) => {
    expectDType('input', x!, ['float16']);
    return infer(floats)([x!], attributes).map(({ shape }) => ({ dtype: 'float32', shape }));
  },
  gradient: { notDifferentiable: 'it is a form of ReduceSum, chosen after differentiation' },
  // On CUDA its form is chosen once images are laid out.
  lower: ([x], attributes, target) =>
    target === 'cuda' ? undefined : [emitOne(ReduceSum, [cast(x!, 'float32')], attributes)],
};

/** Equal maxima share the gradient evenly, as PyTorch's amax does. */
function extremumGradient(x: Value, y: Value, dy: Value, attributes: ReductionAttributes): Value {
  const hit = cast(equal(x, unreduce(y, x, attributes)), dy.dtype);
  const ties = reduceSum(hit, attributes.axes, true);
  return mul(hit, div(unreduce(dy, x, attributes), ties));
}

export const ReduceMax: OpDef<ReductionAttributes> = {
  type: 'ReduceMax',
  ...axesInput,
  infer: infer(numbers),
  gradient: ({ inputs: [x], outputs: [y], attributes, dy }) => [
    () => extremumGradient(x!, y!, dy, attributes),
  ],
};

export const ReduceMin: OpDef<ReductionAttributes> = {
  type: 'ReduceMin',
  ...axesInput,
  infer: infer(numbers),
  gradient: ({ inputs: [x], outputs: [y], attributes, dy }) => [
    () => extremumGradient(x!, y!, dy, attributes),
  ],
};

/** sum |x|: dy sign(x) */
export const ReduceL1: OpDef<ReductionAttributes> = {
  type: 'ReduceL1',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], attributes, dy }) => [() => mul(unreduce(dy, x!, attributes), sign(x!))],
};

/** sqrt(sum x^2): dy x / y, 0 at the zero vector, as in PyTorch */
export const ReduceL2: OpDef<ReductionAttributes> = {
  type: 'ReduceL2',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], outputs: [y], attributes, dy }) => [
    () => {
      const isZero = equal(y!, 0);
      // Nothing is divided by 0 even where it is not chosen: the second order would make NaN of it.
      const perLength = where(isZero, 0, div(dy, where(isZero, 1, y!)));
      return mul(x!, unreduce(perLength, x!, attributes));
    },
  ],
};

/** sum x^2: 2 dy x */
export const ReduceSumSquare: OpDef<ReductionAttributes> = {
  type: 'ReduceSumSquare',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], attributes, dy }) => [() => mul(x!, mul(unreduce(dy, x!, attributes), 2))],
};

/** log sum e^x: dy e^(x - y) */
export const ReduceLogSumExp: OpDef<ReductionAttributes> = {
  type: 'ReduceLogSumExp',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], outputs: [y], attributes, dy }) => [
    () => mul(unreduce(dy, x!, attributes), exp(sub(x!, unreduce(y!, x!, attributes)))),
  ],
};

/** dy times the product of the other factors, of each factor. */
function otherFactors(x: Value, [axis, ...axes]: readonly number[], dy: Value): Value {
  if (axis === undefined) return dy;
  return otherFactorsAlong(x, axis, otherFactors(reduceProd(x, [axis], true), axes, dy));
}

/** The same along one axis, where dy has the extent 1: of the two halves, whose products are factors, half as many. */
function otherFactorsAlong(x: Value, axis: number, dy: Value): Value {
  const n = fixed(x.shape[axis]);
  if (n <= 1) return n === 1 ? dy : expand(dy, x.shape);
  const half = Math.ceil(n / 2);
  // Of an odd number the last has a 1 beside it.
  const odd = Array.from({ length: 2 * x.rank }, (_, i) => (i === x.rank + axis ? 2 * half - n : 0));
  const front = slice(x, { [axis]: [0, half] });
  const back = pad(slice(x, { [axis]: [half, n] }), odd, 1);
  const others = otherFactorsAlong(mul(front, back), axis, dy);
  const both = concat([mul(others, back), mul(others, front)], axis);
  return pad(
    both,
    odd.map((count) => -count),
  );
}

/**
 * prod x: dy times the product of the other factors, any of which may be 0, so that nothing is divided; of so many as a
 * symbol says dy y / x, for factors that are not 0
 */
export const ReduceProd: OpDef<ReductionAttributes> = {
  type: 'ReduceProd',
  ...axesInput,
  infer: infer(floats),
  gradient: ({ inputs: [x], outputs: [y], attributes, dy }) => [
    () => {
      const axes = normalizeAxes(attributes.axes ?? x!.shape.map((_, i) => i), x!.rank);
      if (axes.some((axis) => typeof x!.shape[axis] !== 'number'))
        return div(unreduce(mul(dy, y!), x!, attributes), x!);
      return otherFactors(x!, axes, unreduce(dy, x!, attributes));
    },
  ],
};

type Axes = readonly number[] | undefined;
const reduction =
  (op: OpDef<ReductionAttributes>) =>
  (x: Value, axes?: Axes, keepdims = false): Value =>
    emitOne(op, [x], { axes, keepdims });

export const reduceSum = reduction(ReduceSum);
export const reduceMean = reduction(ReduceMean);
export const reduceMax = reduction(ReduceMax);
export const reduceMin = reduction(ReduceMin);
export const reduceL1 = reduction(ReduceL1);
export const reduceL2 = reduction(ReduceL2);
export const reduceSumSquare = reduction(ReduceSumSquare);
export const reduceLogSumExp = reduction(ReduceLogSumExp);
export const reduceProd = reduction(ReduceProd);

export const sumInFloat32 = reduction(SumInFloat32);

export interface TileAttributes {
  readonly repeats: readonly number[];
}

/** Repeats the tensor along each axis; the gradient adds the copies up. */
export const Tile: OpDef<TileAttributes> = {
  type: 'Tile',
  attributeInputs: { repeats: 1 },
  infer: ([x], { repeats }) => {
    expectIntegers('repeats', repeats, x!.rank, 1);
    return [
      {
        dtype: x!.dtype,
        shape: x!.shape.map((dim, i) => (repeats[i] === 1 ? dim : fixed(dim) * repeats[i]!)),
      },
    ];
  },
  // Viewed as [r0, d0, r1, d1, ...], summed over every r.
  gradient: ({ inputs: [x], attributes: { repeats }, dy }) => [
    () => {
      const copies = reshape(
        dy,
        x!.shape.flatMap((dim, i) => [repeats[i]!, dim]),
      );
      return reduceSum(
        copies,
        repeats.map((_, i) => 2 * i),
      );
    },
  ],
};

export const tile = (x: Value, repeats: readonly number[]): Value => emitOne(Tile, [x], { repeats });

export interface CumSumAttributes {
  /** One axis, as a list because ONNX carries it as a tensor. */
  readonly axis: readonly [number];
  readonly reverse: boolean;
}

/** Running sum along an axis, from the front or from the back. dx = running sum of dy from the other side. */
export const CumSum: OpDef<CumSumAttributes> = {
  type: 'CumSum',
  attributeInputs: { axis: 1 },
  infer: ([x], { axis }) => {
    expectDType('input', x!, [...floats, 'int32', 'int64']);
    normalizeAxes(axis, x!.rank);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient: ({ attributes: { axis, reverse }, dy }) => [
    () => emitOne(CumSum, [dy], { axis, reverse: !reverse }),
  ],
};

export const cumSum = (x: Value, axis: number): Value =>
  emitOne(CumSum, [x], { axis: [axis], reverse: false });
