import { refuse } from '../errors.ts';
import type { Value } from '../graph.ts';
import { fixed, formatShape } from '../shape.ts';
import type { Dim, Shape } from '../types.ts';
import { reshape, slice, transpose, zerosLike } from './movement.ts';
import { emitOne, expectDType, expectInteger, expectIntegers, floats } from './op.ts';
import type { OpDef } from './op.ts';
import { reduceSum } from './reduction.ts';

/*
 * Convolution and its two gradients are one bilinear form read three ways, so they are closed under differentiation:
 *
 *   op                         differentiated by the first input      differentiated by the second input
 *   y  = Conv(x, w)            dx  = ConvTranspose(dy, w)             dw = ConvWeightGradient(x, dy)
 *   x  = ConvTranspose(y, w)   dy  = Conv(dx, w)                      dw = ConvWeightGradient(dx, y)
 *   w  = ConvWeightGradient(x, y)   dx = ConvTranspose(y, dw)         dy = Conv(x, dw)
 *
 * strides, dilations, pads and group are the same in every line.
 */

export interface ConvAttributes {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begin of each spatial axis, then end of each. */
  readonly pads: readonly number[];
  readonly group: number;
}

export interface ConvTransposeAttributes extends ConvAttributes {
  /** Extra extent at the end of each spatial axis, smaller than the stride: which of the fitting sizes is meant. */
  readonly output_padding: readonly number[];
}

export interface ConvWeightGradientAttributes extends ConvAttributes {
  readonly kernel_shape: readonly number[];
}

function checkAttributes(spatial: number, { strides, dilations, pads, group }: ConvAttributes): void {
  expectIntegers('strides', strides, spatial, 1);
  expectIntegers('dilations', dilations, spatial, 1);
  expectIntegers('pads', pads, 2 * spatial, 0);
  expectInteger('group', group, 1);
}

function checkOperands(x: Value, w: Value, bias: Value | undefined, biasChannels: Dim): void {
  expectDType('input', x, floats);
  expectDType('weight', w, [x.dtype]);
  if (x.rank < 3 || w.rank !== x.rank)
    refuse(`input ${formatShape(x.shape)} and weight ${formatShape(w.shape)} must have one rank >= 3`);
  expectIntegers('kernel', w.shape.slice(2).map(fixed), x.rank - 2, 1);
  if (bias) expectDType('bias', bias, [x.dtype]);
  if (bias && (bias.rank !== 1 || bias.shape[0] !== biasChannels))
    refuse(`bias ${formatShape(bias.shape)} must be [${biasChannels}]`);
}

/** Extent that a dilated kernel covers. */
const reach = (kernel: number, dilation: number) => (kernel - 1) * dilation + 1;

/** Shape of the Conv of [N, C, ...] by [M, C / group, ...kernel]. */
export function convShape(x: Shape, w: Shape, { strides, dilations, pads, group }: ConvAttributes): Shape {
  const [n, c] = x;
  const [m, cPerGroup] = w;
  if (c !== fixed(cPerGroup) * group)
    refuse(`input channels ${c} must match weight channels ${cPerGroup} x group ${group}`);
  if (fixed(m) % group !== 0) refuse(`output channels ${m} must be divisible by group ${group}`);
  const spatial = x.slice(2).map((dim, i) => {
    const padded = fixed(dim) + pads[i]! + pads[i + strides.length]!;
    const kernel = reach(fixed(w[i + 2]), dilations[i]!);
    if (padded < kernel)
      refuse(`kernel reach ${kernel} must not exceed the padded extent ${padded} of axis ${i + 2}`);
    return Math.floor((padded - kernel) / strides[i]!) + 1;
  });
  return [n!, m!, ...spatial];
}

/** x [N, C, ...], w [M, C / group, ...kernel], optional bias [M] -> [N, M, ...] */
export const Conv: OpDef<ConvAttributes> = {
  type: 'Conv',
  infer: ([x, w, bias], attributes) => {
    checkOperands(x!, w!, bias, w!.shape[0]!);
    checkAttributes(x!.rank - 2, attributes);
    return [{ dtype: x!.dtype, shape: convShape(x!.shape, w!.shape, attributes) }];
  },
  gradient: ({ inputs: [x, w], attributes, dy }) => [
    () => transposedTo(dy, w!, attributes, x!),
    () => convWeightGradient(x!, dy, attributes, w!),
    () => channelSum(dy),
  ],
};

/** Shape of the ConvTranspose of [N, M, ...] by [M, C / group, ...kernel]. */
export function convTransposeShape(y: Shape, w: Shape, attributes: ConvTransposeAttributes): Shape {
  const { strides, dilations, pads, group, output_padding } = attributes;
  const [n, m] = y;
  if (m !== w[0]) refuse(`input channels ${m} must match weight channels ${w[0]}`);
  if (fixed(m) % group !== 0) refuse(`input channels ${m} must be divisible by group ${group}`);
  const spatial = y.slice(2).map((dim, i) => {
    const extra = output_padding[i] ?? NaN;
    if (!(extra >= 0 && extra < strides[i]!))
      refuse(`output_padding ${extra} must be >= 0 and smaller than stride ${strides[i]}`);
    const kernel = reach(fixed(w[i + 2]), dilations[i]!);
    const size = strides[i]! * (fixed(dim) - 1) + extra + kernel - pads[i]! - pads[i + strides.length]!;
    if (size < 1) refuse(`pads leave an extent of ${size} on axis ${i + 2}, must be >= 1`);
    return size;
  });
  return [n!, fixed(w[1]) * group, ...spatial];
}

/** y [N, M, ...], w [M, C / group, ...kernel], optional bias [C] -> [N, C, ...]: the transpose of Conv, not its inverse */
export const ConvTranspose: OpDef<ConvTransposeAttributes> = {
  type: 'ConvTranspose',
  infer: ([y, w, bias], attributes) => {
    checkOperands(y!, w!, bias, fixed(w!.shape[1]) * attributes.group);
    checkAttributes(y!.rank - 2, attributes);
    expectIntegers('output_padding', attributes.output_padding, y!.rank - 2, 0);
    return [{ dtype: y!.dtype, shape: convTransposeShape(y!.shape, w!.shape, attributes) }];
  },
  gradient: ({ inputs: [y, w], attributes, dy }) => [
    () => emitOne(Conv, [dy, w!], convOnly(attributes)),
    () => convWeightGradient(dy, y!, attributes, w!),
    () => channelSum(dy),
  ],
};

/** x [N, C, ...], dy [N, M, ...] -> dw [M, C / group, ...kernel]: gradient of Conv by its weight */
export const ConvWeightGradient: OpDef<ConvWeightGradientAttributes> = {
  type: 'ConvWeightGradient',
  infer: ([x, dy], attributes) => {
    checkAttributes(x!.rank - 2, attributes);
    const { group, kernel_shape } = attributes;
    // The batch becomes channels of a convolution, so it must be a number.
    if (fixed(x!.shape[0]) !== dy!.shape[0])
      refuse(`batches ${x!.shape[0]} and ${dy!.shape[0]} must be equal`);
    return [{ dtype: x!.dtype, shape: [dy!.shape[1]!, fixed(x!.shape[1]) / group, ...kernel_shape] }];
  },
  gradient: ({ inputs: [x, y], attributes, dy: ddw }) => [
    () => transposedTo(y!, ddw, attributes, x!),
    () => emitOne(Conv, [x!, ddw], convOnly(attributes)),
  ],
  // Elsewhere it becomes a matrix product when images are laid out channels-last.
  lower: ([x, dy], attributes, target) =>
    target === 'portable' ? [weightGradientAsConv(x!, dy!, attributes)] : undefined,
};

function convOnly({ strides, dilations, pads, group }: ConvAttributes): ConvAttributes {
  return { strides, dilations, pads, group };
}

/** ConvTranspose with the output padding that restores the spatial extents of `x`. */
function transposedTo(y: Value, w: Value, attributes: ConvAttributes, x: Value): Value {
  const { strides, dilations, pads } = attributes;
  const output_padding = strides.map((stride, i) => {
    const kernel = reach(fixed(w.shape[i + 2]), dilations[i]!);
    const smallest = stride * (fixed(y.shape[i + 2]) - 1) + kernel - pads[i]! - pads[i + strides.length]!;
    return fixed(x.shape[i + 2]) - smallest;
  });
  return emitOne(ConvTranspose, [y, w], { ...convOnly(attributes), output_padding });
}

function convWeightGradient(x: Value, dy: Value, attributes: ConvAttributes, w: Value): Value {
  const kernel_shape = w.shape.slice(2).map(fixed);
  return emitOne(ConvWeightGradient, [x, dy], { ...convOnly(attributes), kernel_shape });
}

/** Gradient of a bias: the sum over everything but the channel axis. */
function channelSum(dy: Value): Value {
  return reduceSum(
    dy,
    dy.shape.flatMap((_, i) => (i === 1 ? [] : [i])),
  );
}

/**
 * The weight gradient as one Conv over transposed operands: batch becomes channels, the output gradient becomes the
 * kernel, stride and dilation swap. With k = the kernel, the end pads are chosen so that exactly k taps come out.
 */
function weightGradientAsConv(x: Value, dy: Value, attributes: ConvWeightGradientAttributes): Value {
  const { strides, dilations, pads, group, kernel_shape } = attributes;
  const spatial = strides.length;
  const [n, c] = [fixed(x.shape[0]), fixed(x.shape[1])];
  const m = fixed(dy.shape[1]);
  const size = x.shape.slice(2).map(fixed);
  const axes = strides.map((_, i) => i);

  const end = axes.map(
    (i) =>
      strides[i]! * (fixed(dy.shape[i + 2]) - 1) +
      reach(kernel_shape[i]!, dilations[i]!) -
      size[i]! -
      pads[i]!,
  );
  const cut = axes.filter((i) => end[i]! < 0);
  const seen = cut.length
    ? slice(x, Object.fromEntries(cut.map((i) => [i + 2, [0, size[i]! + end[i]!]])))
    : x;
  const seenSize = seen.shape.slice(2).map(fixed);
  // Every tap is on pads.
  if (seenSize.includes(0)) return zerosLike(x, [m, c / group, ...kernel_shape]);

  // [N, g, C/g, ...] -> [C/g, g N, ...] and [N, M, ...] -> [M, N, ...]
  const rest = axes.map((i) => i + 3);
  const image =
    group === 1
      ? transpose(seen, [1, 0, ...axes.map((i) => i + 2)])
      : reshape(transpose(reshape(seen, [n, group, c / group, ...seenSize]), [2, 1, 0, ...rest]), [
          c / group,
          group * n,
          ...seenSize,
        ]);
  const kernel = transpose(dy, [1, 0, ...axes.map((i) => i + 2)]);
  const taps = emitOne(Conv, [image, kernel], {
    strides: dilations,
    dilations: strides,
    pads: [...pads.slice(0, spatial), ...end.map((e) => Math.max(e, 0))],
    group,
  });
  // [C/g, M, ...k] -> [M, C/g, ...k]
  return reshape(transpose(taps, [1, 0, ...axes.map((i) => i + 2)]), [m, c / group, ...kernel_shape]);
}

/** Options of a convolution; a number holds for every spatial axis. */
export interface ConvOptions {
  readonly stride?: number | readonly number[];
  /** One number for all sides, or the begins of the spatial axes followed by the ends. */
  readonly pad?: number | readonly number[];
  readonly dilation?: number | readonly number[];
  readonly group?: number;
}

function attributesOf(
  x: Value,
  { stride = 1, pad = 0, dilation = 1, group = 1 }: ConvOptions,
): ConvAttributes {
  const spatial = x.rank - 2;
  const each = (value: number | readonly number[], count: number) =>
    typeof value === 'number' ? Array.from({ length: count }, () => value) : value;
  return {
    strides: each(stride, spatial),
    dilations: each(dilation, spatial),
    pads: each(pad, 2 * spatial),
    group,
  };
}

/** Cross-correlation, as every deep-learning library calls convolution. */
export function conv(x: Value, w: Value, options: ConvOptions = {}, bias?: Value): Value {
  return emitOne(Conv, bias ? [x, w, bias] : [x, w], attributesOf(x, options));
}

export function convTranspose(
  x: Value,
  w: Value,
  options: ConvOptions & { readonly outputPadding?: number | readonly number[] } = {},
  bias?: Value,
): Value {
  const { outputPadding = 0 } = options;
  const output_padding =
    typeof outputPadding === 'number' ? x.shape.slice(2).map(() => outputPadding) : outputPadding;
  return emitOne(ConvTranspose, bias ? [x, w, bias] : [x, w], {
    ...attributesOf(x, options),
    output_padding,
  });
}
