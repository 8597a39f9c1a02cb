import { softplus, tanh } from '../../../graph-builder/ops/activation.ts';
import { conv, convTranspose, ConvWeightGradient } from '../../../graph-builder/ops/convolution.ts';
import type { ConvOptions } from '../../../graph-builder/ops/convolution.ts';
import { mul } from '../../../graph-builder/ops/elementwise.ts';
import { emitOne } from '../../../graph-builder/ops/op.ts';
import { any, linear } from './case.ts';
import type { Case } from './case.ts';

interface ConvCase extends ConvOptions {
  readonly name: string;
  readonly x: readonly number[];
  /** Output channels. */
  readonly m: number;
  readonly kernel: readonly number[];
}

const convolutions: readonly ConvCase[] = [
  ...[1, 2].flatMap((stride) =>
    [1, 2, 3, 4, 5].map((k): ConvCase => ({
      name: `kernel ${k} stride ${stride}`,
      x: [2, 2, 5, 6],
      m: 3,
      kernel: [k, k],
      stride,
      pad: k >> 1,
    })),
  ),
  { name: 'DCGAN shape', x: [2, 3, 8, 8], m: 2, kernel: [4, 4], stride: 2, pad: 1 },
  { name: 'left-over rows', x: [1, 2, 7, 8], m: 2, kernel: [2, 2], stride: 3 },
  { name: 'left-over columns only', x: [1, 2, 5, 6], m: 2, kernel: [3, 3], stride: 2 },
  {
    name: 'left-over rows beyond an end pad',
    x: [1, 1, 6, 7],
    m: 2,
    kernel: [3, 3],
    stride: [4, 3],
    pad: [0, 1, 1, 1],
  },
  { name: 'kernel smaller than stride', x: [1, 2, 5, 5], m: 2, kernel: [1, 2], stride: 3 },
  {
    name: 'oblong kernel and strides',
    x: [2, 2, 6, 5],
    m: 3,
    kernel: [3, 1],
    stride: [2, 1],
    pad: [1, 0, 1, 0],
  },
  { name: 'asymmetric pads', x: [2, 2, 5, 4], m: 3, kernel: [3, 3], pad: [1, 0, 2, 1] },
  { name: 'asymmetric pads stride 2', x: [2, 2, 5, 4], m: 3, kernel: [3, 3], stride: 2, pad: [0, 2, 1, 1] },
  { name: 'dilation 2', x: [1, 2, 7, 6], m: 2, kernel: [3, 2], dilation: 2, pad: 1 },
  {
    name: 'dilation [1, 3] stride 2',
    x: [1, 2, 6, 8],
    m: 2,
    kernel: [2, 3],
    dilation: [1, 3],
    stride: 2,
    pad: 1,
  },
  { name: 'group 2', x: [2, 4, 4, 5], m: 6, kernel: [3, 3], group: 2, pad: 1 },
  { name: 'group 2 stride 2 left over', x: [2, 4, 6, 5], m: 2, kernel: [3, 3], group: 2, stride: 2 },
  { name: 'depthwise', x: [2, 3, 5, 5], m: 3, kernel: [3, 3], group: 3, stride: 2, pad: 1 },
  { name: 'depthwise multiplier 2 dilated', x: [2, 3, 5, 5], m: 6, kernel: [2, 2], group: 3, dilation: 2 },
  {
    name: 'taps on pads alone, group 2',
    x: [1, 4, 2, 2],
    m: 4,
    kernel: [3, 2],
    stride: [3, 2],
    pad: [3, 2, 0, 2],
    group: 2,
  },
  { name: 'one pixel', x: [2, 3, 1, 1], m: 4, kernel: [1, 1] },
  { name: 'kernel covers the image', x: [2, 2, 4, 4], m: 3, kernel: [4, 4] },
  { name: '1-D', x: [2, 2, 7], m: 3, kernel: [3], pad: 1 },
  { name: '1-D stride 2 asymmetric left over', x: [2, 2, 8], m: 3, kernel: [4], stride: 3, pad: [1, 0] },
  { name: '1-D group dilation', x: [2, 4, 9], m: 4, kernel: [3], group: 2, dilation: 2, stride: 2 },
  { name: '3-D', x: [1, 2, 3, 4, 3], m: 2, kernel: [2, 3, 2] },
  {
    name: '3-D stride 2 pads',
    x: [2, 2, 4, 3, 5],
    m: 2,
    kernel: [3, 2, 3],
    stride: [2, 1, 2],
    pad: [1, 0, 1, 0, 1, 1],
  },
  { name: '3-D group dilation', x: [1, 2, 4, 4, 5], m: 4, kernel: [2, 2, 2], group: 2, dilation: [2, 1, 3] },
];

const sides = (value: number | readonly number[] | undefined, count: number, otherwise: number) =>
  typeof value === 'object' ? value : Array.from({ length: count }, () => value ?? otherwise);

function outputExtents({ x, kernel, stride, pad, dilation }: ConvCase): number[] {
  const n = kernel.length;
  const [strides, pads, dilations] = [sides(stride, n, 1), sides(pad, 2 * n, 0), sides(dilation, n, 1)];
  return kernel.map((k, i) => {
    const reach = (k - 1) * dilations[i]! + 1;
    return Math.floor((x[i + 2]! + pads[i]! + pads[i + n]! - reach) / strides[i]!) + 1;
  });
}

export const convolution: readonly Case[] = convolutions.flatMap((c): Case[] => {
  const { name, x, m, kernel, group = 1 } = c;
  const [batch, channels] = [x[0]!, x[1]!];
  const n = kernel.length;
  const [strides, pads, dilations] = [sides(c.stride, n, 1), sides(c.pad, 2 * n, 0), sides(c.dilation, n, 1)];
  const small = outputExtents(c);
  const weight = () => any(m, channels / group, ...kernel);
  // The output padding that restores the extents of x: non-zero for the cases with left-over rows.
  const outputPadding = kernel.map(
    (k, i) =>
      x[i + 2]! - (strides[i]! * (small[i]! - 1) + (k - 1) * dilations[i]! + 1 - pads[i]! - pads[i + n]!),
  );
  return [
    { op: 'Conv', name, inputs: [any(...x), weight()], build: (a, w) => conv(a, w, c), ...linear },
    {
      op: 'ConvTranspose',
      name,
      inputs: [any(batch, m, ...small), weight()],
      build: (a, w) => convTranspose(a, w, { ...c, outputPadding }),
      ...linear,
    },
    {
      op: 'ConvWeightGradient',
      name,
      inputs: [any(...x), any(batch, m, ...small)],
      build: (a, dy) =>
        emitOne(ConvWeightGradient, [a, dy], { strides, pads, dilations, group, kernel_shape: kernel }),
      ...linear,
    },
  ];
});

export const biased: readonly Case[] = [
  {
    op: 'Conv',
    name: 'bias',
    inputs: [any(2, 2, 4, 4), any(3, 2, 3, 3), any(3)],
    build: (x, w, b) => conv(x, w, { pad: 1 }, b),
    ...linear,
  },
  {
    op: 'Conv',
    name: '1-D bias, group 2',
    inputs: [any(2, 2, 5), any(4, 1, 2), any(4)],
    build: (x, w, b) => conv(x, w, { group: 2 }, b),
    ...linear,
  },
  {
    op: 'Conv',
    name: '3-D bias then tanh',
    inputs: [any(1, 1, 3, 3, 2), any(2, 1, 2, 2, 2), any(2)],
    build: (x, w, b) => tanh(mul(conv(x, w, {}, b), 0.25)),
  },
  {
    op: 'ConvTranspose',
    name: 'bias',
    inputs: [any(2, 3, 3, 3), any(3, 2, 4, 4), any(2)],
    build: (x, w, b) => convTranspose(x, w, { stride: 2, pad: 1 }, b),
    ...linear,
  },
  {
    op: 'ConvTranspose',
    name: 'bias, group 2, output padding',
    inputs: [any(2, 2, 3), any(2, 2, 3), any(4)],
    build: (x, w, b) => convTranspose(x, w, { stride: 2, group: 2, outputPadding: 1 }, b),
    ...linear,
  },
  {
    op: 'Conv',
    name: 'two layers',
    inputs: [any(1, 1, 4, 4), any(2, 1, 3, 3), any(1, 2, 2, 2)],
    build: (x, w1, w2) => tanh(mul(conv(softplus(conv(x, w1, { stride: 2, pad: 1 })), w2), 1 / 32)),
  },
];
