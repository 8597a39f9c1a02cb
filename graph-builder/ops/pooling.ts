import { refuse } from '../errors.ts';
import type { Value } from '../graph.ts';
import { fixed, formatShape, sizeOf } from '../shape.ts';
import type { TensorType } from '../types.ts';
import { tensor } from '../types.ts';
import { convTranspose } from './convolution.ts';
import { cast, div, mul } from './elementwise.ts';
import { expand, reshape } from './movement.ts';
import { emitOne, expectDType, expectIntegers, expectRankOver, floats } from './op.ts';
import type { NoAttributes, OpDef } from './op.ts';
import { reduceSum } from './reduction.ts';

export interface AveragePoolAttributes {
  readonly kernel_shape: readonly number[];
  readonly strides: readonly number[];
  /** Begin of each spatial axis, then end of each. */
  readonly pads: readonly number[];
  /** Divide by the kernel size everywhere, or at the border by the elements that are really there. */
  readonly count_include_pad: boolean;
}

/** [N, C, ...] -> [N, C, ...], the mean of each window */
export const AveragePool: OpDef<AveragePoolAttributes> = {
  type: 'AveragePool',
  infer: ([x], { kernel_shape, strides, pads }) => {
    expectDType('input', x!, floats);
    expectRankOver('input', x!, 3);
    const spatial = x!.rank - 2;
    expectIntegers('kernel', kernel_shape, spatial, 1);
    expectIntegers('strides', strides, spatial, 1);
    expectIntegers('pads', pads, 2 * spatial, 0);
    const size = x!.shape.slice(2).map((dim, i) => {
      const padded = fixed(dim) + pads[i]! + pads[i + spatial]!;
      if (Math.max(pads[i]!, pads[i + spatial]!) >= kernel_shape[i]!)
        refuse(`pads ${formatShape(pads)} must be smaller than kernel ${formatShape(kernel_shape)}`);
      if (padded < kernel_shape[i]!)
        refuse(`kernel ${kernel_shape[i]} must not exceed the padded extent ${padded} of axis ${i + 2}`);
      return Math.floor((padded - kernel_shape[i]!) / strides[i]!) + 1;
    });
    return [{ dtype: x!.dtype, shape: [x!.shape[0]!, x!.shape[1]!, ...size] }];
  },
  // Each output hands dy / n to the n elements of its window: a depthwise ConvTranspose with a kernel of ones.
  gradient: ({ inputs: [x], attributes, dy }) => [
    () => {
      const { kernel_shape, strides, pads } = attributes;
      const spatial = strides.length;
      const c = fixed(x!.shape[1]);
      const shares = div(dy, windowSizes(dy, x!, attributes));
      const kernel = [c, 1, ...kernel_shape];
      const ones = x!.graph.constant(tensor('float32', new Float32Array(sizeOf(kernel)).fill(1), kernel));
      const outputPadding = strides.map(
        (stride, i) =>
          fixed(x!.shape[i + 2]) -
          (stride * (fixed(dy.shape[i + 2]) - 1) + kernel_shape[i]! - pads[i]! - pads[i + spatial]!),
      );
      return convTranspose(shares, cast(ones, dy.dtype), {
        stride: strides,
        pad: pads,
        group: c,
        outputPadding,
      });
    },
  ],
};

/** How many elements each window divides by: a scalar, or [1, 1, ...] where windows at the border count fewer. */
function windowSizes(dy: Value, x: Value, attributes: AveragePoolAttributes): Value {
  const { kernel_shape, strides, pads, count_include_pad } = attributes;
  const full = kernel_shape.reduce((a, b) => a * b, 1);
  if (count_include_pad || pads.every((pad) => pad === 0)) return dy.graph.scalar(full, dy.dtype);
  const perAxis = strides.map((stride, i) =>
    Array.from({ length: fixed(dy.shape[i + 2]) }, (_, o) => {
      const start = o * stride - pads[i]!;
      return Math.min(start + kernel_shape[i]!, fixed(x.shape[i + 2])) - Math.max(start, 0);
    }),
  );
  const counts = perAxis.reduce<number[]>((grid, axis) => grid.flatMap((n) => axis.map((m) => n * m)), [1]);
  const shape = [1, 1, ...perAxis.map((axis) => axis.length)];
  return cast(dy.graph.constant(tensor('float32', counts, shape)), dy.dtype);
}

/** [N, C, ...] -> [N, C, 1, ...], the mean of each channel */
export const GlobalAveragePool: OpDef<NoAttributes> = {
  type: 'GlobalAveragePool',
  infer: ([x]) => {
    expectDType('input', x!, floats);
    expectRankOver('input', x!, 3);
    return [{ dtype: x!.dtype, shape: x!.shape.map((dim, i) => (i < 2 ? dim : 1)) }];
  },
  gradient: ({ inputs: [x], dy }) => [
    () => expand(mul(dy, 1 / x!.shape.slice(2).reduce<number>((n, dim) => n * fixed(dim), 1)), x!.shape),
  ],
};

export interface ResizeAttributes {
  readonly mode: 'nearest';
  readonly coordinate_transformation_mode: 'asymmetric';
  readonly nearest_mode: 'floor';
}

/** Nearest-neighbour upsampling by whole factors; the third input holds the factor of each axis. */
export const Resize: OpDef<ResizeAttributes> = {
  type: 'Resize',
  infer: ([x, , scales]): readonly TensorType[] => {
    const factors = factorsOf(scales);
    expectIntegers('factors', factors, x!.rank, 1);
    const shape = x!.shape.map((dim, i) => (factors[i] === 1 ? dim : fixed(dim) * factors[i]!));
    return [{ dtype: x!.dtype, shape }];
  },
  // An input element takes the sum over the block of its copies.
  gradient: ({ inputs: [x, , scales], dy }) => [
    () => {
      const factors = factorsOf(scales);
      const blocks = reshape(
        dy,
        x!.shape.flatMap((dim, i) => (factors[i] === 1 ? [dim] : [dim, factors[i]!])),
      );
      let axis = -1;
      const copies = factors.flatMap((factor) => {
        axis += factor === 1 ? 1 : 2;
        return factor === 1 ? [] : [axis];
      });
      return copies.length ? reduceSum(blocks, copies) : dy;
    },
  ],
};

function factorsOf(scales: Value | undefined): number[] {
  const data = scales?.constant?.data;
  if (!(data instanceof Float32Array)) refuse('scales must be a float32 constant');
  return [...data];
}

export function averagePool(
  x: Value,
  kernel: number | readonly number[],
  options: {
    readonly stride?: number | readonly number[];
    readonly pad?: number | readonly number[];
    readonly countIncludePad?: boolean;
  } = {},
): Value {
  const spatial = x.rank - 2;
  const each = (value: number | readonly number[], count: number) =>
    typeof value === 'number' ? Array.from({ length: count }, () => value) : value;
  const { stride = kernel, pad = 0, countIncludePad = false } = options;
  return emitOne(AveragePool, [x], {
    kernel_shape: each(kernel, spatial),
    strides: each(stride, spatial),
    pads: each(pad, 2 * spatial),
    count_include_pad: countIncludePad,
  });
}

export const globalAveragePool = (x: Value): Value => emitOne(GlobalAveragePool, [x], {});

/** [N, C, H, W] -> [N, C, H factor, W factor], every pixel repeated */
export function upsampleNearest(x: Value, factor: number): Value {
  const factors = x.shape.map((_, i) => (i < 2 ? 1 : factor));
  return emitOne(Resize, [x, undefined, x.graph.constant(tensor('float32', factors))], {
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
}
