import { emit, type Value } from '../graph.ts';
import { inNameOf, refuse } from '../errors.ts';
import {
  broadcastShapes,
  fixed,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  product,
  quotient,
  sameShape,
} from '../shape.ts';
import type { Dim, Shape } from '../types.ts';
import { tensor } from '../types.ts';
import { emitOne, expectInteger, expectIntegers, expectRank } from './op.ts';
import type { NoAttributes, OpDef } from './op.ts';

// Operators that move elements without computing with them. Sizes and positions are attributes here; ONNX carries
// them as int64 tensors, which the codec writes.

export interface ShapeAttributes {
  readonly shape: Shape;
}

/** Elements in row-major order under another shape of as many, whatever its symbols stand for. */
export const Reshape: OpDef<ShapeAttributes> = {
  type: 'Reshape',
  attributeInputs: { shape: 1 },
  infer: ([x], { shape }) => {
    if (product(x!.shape) !== product(shape))
      refuse(
        `shape ${formatShape(x!.shape)} cannot be viewed as ${formatShape(shape)}: element counts differ`,
      );
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs: [x], dy }) => [() => reshape(dy, x!.shape)],
};

/** Broadcasting to a shape. The gradient is summed back by the driver. */
export const Expand: OpDef<ShapeAttributes> = {
  type: 'Expand',
  attributeInputs: { shape: 1 },
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes(x!.shape, shape), shape))
      refuse(`shape ${formatShape(x!.shape)} does not broadcast to ${formatShape(shape)}`);
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ dy }) => [() => dy],
};

export interface TransposeAttributes {
  /** Output axis i is input axis perm[i]. */
  readonly perm: readonly number[];
}

export const Transpose: OpDef<TransposeAttributes> = {
  type: 'Transpose',
  infer: ([x], { perm }) => {
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== x!.rank || sorted.some((axis, i) => axis !== i))
      refuse(`perm ${formatShape(perm)} must be a permutation of the ${x!.rank} axes`);
    return [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) }];
  },
  gradient: ({ attributes: { perm }, dy }) => [() => transpose(dy, inversePermutation(perm))],
};

function inversePermutation(perm: readonly number[]): number[] {
  const inverse = new Array<number>(perm.length);
  perm.forEach((axis, i) => (inverse[axis] = i));
  return inverse;
}

export interface AxisAttributes {
  readonly axis: number;
}

/** Any number of inputs of one type, side by side along an axis. */
export const Concat: OpDef<AxisAttributes> = {
  type: 'Concat',
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    const along = normalizeAxis(axis, first.rank);
    let extent = 0;
    for (const input of inputs) {
      const fits =
        input.rank === first.rank && input.shape.every((dim, i) => i === along || dim === first.shape[i]);
      if (!fits || input.dtype !== first.dtype)
        refuse(
          `${input.dtype}${formatShape(input.shape)} does not join ${first.dtype}${formatShape(first.shape)} on axis ${along}`,
        );
      // A lone input keeps even a symbolic extent.
      extent += inputs.length === 1 ? 0 : fixed(input.shape[along]);
    }
    if (inputs.length === 1) return [{ dtype: first.dtype, shape: first.shape }];
    return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === along ? extent : dim)) }];
  },
  gradient: ({ inputs, attributes: { axis }, dy }) => {
    const along = normalizeAxis(axis, dy.rank);
    let start = 0;
    return inputs.map((input) => {
      const from = start;
      const to = inputs.length === 1 ? 0 : (start += fixed(input.shape[along]));
      return () => (inputs.length === 1 ? dy : slice(dy, { [along]: [from, to] }));
    });
  },
};

export interface SplitAttributes extends AxisAttributes {
  /** Extents of the outputs along the axis; they add up to the input's. */
  readonly split: readonly number[];
}

export const Split: OpDef<SplitAttributes> = {
  type: 'Split',
  attributeInputs: { split: 1 },
  infer: ([x], { axis, split }) => {
    const along = normalizeAxis(axis, x!.rank);
    const total = split.reduce((a, b) => a + b, 0);
    if (total !== x!.shape[along] || split.some((part) => part < 0))
      refuse(`split ${formatShape(split)} must add up to extent ${x!.shape[along]} of axis ${along}`);
    return split.map((part) => ({
      dtype: x!.dtype,
      shape: x!.shape.map((dim, i) => (i === along ? part : dim)),
    }));
  },
  gradient: ({ outputs, attributes: { axis }, dys }) => [
    () =>
      concat(
        outputs.map((output, i) => dys[i] ?? zerosLike(output)),
        axis,
      ),
  ],
};

export interface SliceAttributes {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** ONNX's slice bounds (negative from the end, clamped) as first element, step and count. */
export function ranges(shape: Shape, { starts, ends, axes, steps }: SliceAttributes): Range[] {
  normalizeAxes(axes, shape.length);
  expectIntegers('starts', starts, axes.length);
  expectIntegers('ends', ends, axes.length);
  return axes.map((rawAxis, i) => {
    const axis = normalizeAxis(rawAxis, shape.length);
    const extent = fixed(shape[axis]);
    const step = steps[i]!;
    if (!Number.isInteger(step) || step === 0) refuse(`step ${step} must be a non-zero integer`);
    const clamp = (bound: number, low: number) =>
      Math.min(Math.max(bound < 0 ? bound + extent : bound, low), step > 0 ? extent : extent - 1);
    const start = clamp(starts[i]!, 0);
    // An end of -extent-1 or below means "before the first element" when stepping backwards.
    const end = clamp(ends[i]!, step > 0 ? 0 : -1);
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

export const Slice: OpDef<SliceAttributes> = {
  type: 'Slice',
  attributeInputs: { starts: 1, ends: 2, axes: 3, steps: 4 },
  infer: ([x], attributes) => {
    const shape: Dim[] = [...x!.shape];
    for (const { axis, count } of ranges(x!.shape, attributes)) shape[axis] = count;
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs: [x], attributes, dy }) => [
    () =>
      ranges(x!.shape, attributes).reduce(
        (grad, range) => unslice(grad, range, fixed(x!.shape[range.axis])),
        dy,
      ),
  ],
};

/** Puts the elements back where a slice along one axis of `extent` took them from, zero elsewhere. */
function unslice(grad: Value, { axis, start, step, count }: Range, extent: number): Value {
  let values = grad;
  const first = step > 0 ? start : start + (count - 1) * step;
  if (step < 0) values = slice(values, { [axis]: [count - 1, -count - 1, -1] });
  const gap = Math.abs(step) - 1;
  if (gap > 0 && count > 0) {
    // [..., n, ...] -> [..., n, 1, ...] -> pad the new axis to |step| -> [..., n |step|, ...]
    const open = [...values.shape.slice(0, axis + 1), 1, ...values.shape.slice(axis + 1)];
    const before = open.map(() => 0);
    const after = open.map((_, i) => (i === axis + 1 ? gap : 0));
    values = reshape(
      pad(reshape(values, open), [...before, ...after]),
      values.shape.map((dim, i) => (i === axis ? count * (gap + 1) : dim)),
    );
  }
  const length = fixed(values.shape[axis]);
  const before = values.shape.map((_, i) => (i === axis ? first : 0));
  // Negative where the zeros after the last element stick out over the end.
  const after = values.shape.map((_, i) => (i === axis ? extent - first - length : 0));
  return pad(values, [...before, ...after]);
}

export interface PadAttributes {
  /** Begin of each axis, then end of each axis; negative pads cut off. */
  readonly pads: readonly number[];
}

/** The shape with pads at both ends of each axis; the extent of an axis without any need not be known. */
export function paddedShape(shape: Shape, pads: readonly number[]): Dim[] {
  expectIntegers('pads', pads, 2 * shape.length);
  return shape.map((dim, i) => {
    const [before, after] = [pads[i]!, pads[i + shape.length]!];
    if (before === 0 && after === 0) return dim;
    const extent = fixed(dim) + before + after;
    if (extent < 0) refuse(`pads ${before} and ${after} cut more than extent ${dim} of axis ${i}`);
    return extent;
  });
}

/** Zero padding (a scalar third input pads with its value). Edge and reflect modes are composed in `padWith`. */
export const Pad: OpDef<PadAttributes> = {
  type: 'Pad',
  attributeInputs: { pads: 1 },
  infer: ([x, , value], { pads }) => {
    if (value) expectRank('pad value', value, 0);
    if (value && !value.constant) refuse('pad value must be a constant');
    return [{ dtype: x!.dtype, shape: paddedShape(x!.shape, pads) }];
  },
  gradient: ({ attributes: { pads }, dy }) => [
    () =>
      pad(
        dy,
        pads.map((n) => -n),
      ),
  ],
};

export interface DepthToSpaceAttributes {
  readonly blocksize: number;
  /** CRD is PyTorch's PixelShuffle: channel c r^2 + i r + j goes to row i, column j of the block. */
  readonly mode: 'DCR' | 'CRD';
}

/** [N, C r^2, H, W] -> [N, C, H r, W r] */
export const DepthToSpace: OpDef<DepthToSpaceAttributes> = {
  type: 'DepthToSpace',
  infer: ([x], { blocksize: r }) => {
    expectRank('input', x!, 4);
    const [n, c, h, w] = x!.shape;
    expectInteger('blocksize', r, 1);
    if (fixed(c) % (r * r) !== 0) refuse(`channels ${c} must be divisible by blocksize^2 ${r * r}`);
    return [{ dtype: x!.dtype, shape: [n!, fixed(c) / (r * r), fixed(h) * r, fixed(w) * r] }];
  },
  gradient: ({ attributes: { blocksize, mode }, dy }) => [() => spaceToDepth(dy, blocksize, mode)],
};

export interface ShapeOfAttributes {
  readonly start: number;
  readonly end: number;
}

/** Extents start..end-1 of the input as an int64 vector: binds a symbol when the model runs. */
export const ShapeOf: OpDef<ShapeOfAttributes> = {
  type: 'Shape',
  infer: (_, { start, end }) => [{ dtype: 'int64', shape: [end - start] }],
  gradient: { flat: 'a shape does not depend on the elements' },
};

/** Passes a value on under another name. */
export const Identity: OpDef<NoAttributes> = {
  type: 'Identity',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  gradient: ({ dy }) => [() => dy],
};

/** Passes a value on as a constant: no gradient flows back through it. */
export const Detach: OpDef<NoAttributes> = {
  type: 'Detach',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  gradient: { flat: 'it counts as a constant' },
  lower: ([x]) => [x!],
};

export function reshape(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : emitOne(Reshape, [x], { shape });
}

export function expand(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const expanded = emitOne(Expand, [x], { shape });
  // onnxruntime leaves out an Expand of one element to none, as if it changed nothing.
  const isEmpty = shape.includes(0) && shape.every((dim) => typeof dim === 'number');
  return isEmpty ? x.graph.constant(tensor(x.dtype, [], shape)) : expanded;
}

export const transpose = (x: Value, perm: readonly number[]): Value => emitOne(Transpose, [x], { perm });
export const identity = (x: Value): Value => emitOne(Identity, [x], {});
export const detach = (x: Value): Value => emitOne(Detach, [x], {});

export function concat(values: readonly Value[], axis: number): Value {
  const [first, ...others] = values;
  if (!first || others.length) return emitOne(Concat, values, { axis });
  inNameOf('Concat', first.graph.scopePath, () => normalizeAxis(axis, first.rank));
  return first;
}

export function split(x: Value, parts: readonly number[], axis: number): readonly Value[] {
  return emit(Split, [x], { axis, split: parts });
}

/** Ranges by axis: `slice(x, { 1: [0, 4] })`; [start, end, step], step 1 where absent. */
export function slice(x: Value, ranges: Readonly<Record<number, readonly [number, number, number?]>>): Value {
  const entries = Object.entries(ranges);
  return emitOne(Slice, [x], {
    axes: entries.map(([axis]) => Number(axis)),
    starts: entries.map(([, range]) => range[0]),
    ends: entries.map(([, range]) => range[1]),
    steps: entries.map(([, range]) => range[2] ?? 1),
  });
}

/** Pads with `value`; negative pads cut off. */
export function pad(x: Value, pads: readonly number[], value = 0): Value {
  if (pads.length === 2 * x.rank && pads.every((n) => n === 0)) return x;
  return emitOne(Pad, value === 0 ? [x] : [x, undefined, x.graph.scalar(value, x.dtype)], { pads });
}

export const depthToSpace = (x: Value, blocksize: number, mode: 'DCR' | 'CRD' = 'CRD'): Value =>
  emitOne(DepthToSpace, [x], { blocksize, mode });

/** [N, C, H r, W r] -> [N, C r^2, H, W], the inverse of {@link depthToSpace}. ONNX's own has no WebGPU kernel. */
export function spaceToDepth(x: Value, r: number, mode: 'DCR' | 'CRD' = 'CRD'): Value {
  return inNameOf('spaceToDepth', x.graph.scopePath, () => {
    expectRank('input', x, 4);
    expectInteger('blocksize', r, 1);
    const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
    const [rows, columns] = [quotient(h, r), quotient(w, r)];
    if (rows === undefined || columns === undefined)
      refuse(`extents ${h} and ${w} must be divisible by blocksize ${r}`);
    const blocks = reshape(x, [n, c, rows, r, columns, r]);
    const perm = mode === 'CRD' ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
    return reshape(transpose(blocks, perm), [n, product([c, r * r]), rows, columns]);
  });
}

/** A zero tensor beside `x`, of its shape unless another is given. */
export function zerosLike(x: Value, shape: Shape = x.shape): Value {
  return expand(x.graph.scalar(0, x.dtype), shape);
}
