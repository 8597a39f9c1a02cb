import type { Value } from '../../graph-builder/graph.ts';
import {
  erf,
  gelu,
  leakyRelu,
  LeakyReluGradient,
  relu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../../graph-builder/ops/activation.ts';
import { greater } from '../../graph-builder/ops/comparison.ts';
import { conv, convTranspose, ConvWeightGradient } from '../../graph-builder/ops/convolution.ts';
import type { ConvOptions } from '../../graph-builder/ops/convolution.ts';
import {
  abs,
  add,
  cast,
  Clip,
  clip,
  cos,
  div,
  exp,
  floor,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  reciprocal,
  sign,
  sin,
  sqrt,
  square,
  sub,
  where,
} from '../../graph-builder/ops/elementwise.ts';
import {
  gather,
  gatherElements,
  gatherND,
  padWith,
  scatterElements,
  scatterND,
} from '../../graph-builder/ops/indexing.ts';
import { gemm, matmul } from '../../graph-builder/ops/matmul.ts';
import {
  concat,
  depthToSpace,
  expand,
  identity,
  pad,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from '../../graph-builder/ops/movement.ts';
import {
  batchNormalization,
  batchNormTraining,
  logSoftmax,
  normalize,
  softmax,
} from '../../graph-builder/ops/normalization.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { averagePool, globalAveragePool, Resize, upsampleNearest } from '../../graph-builder/ops/pooling.ts';
import {
  CumSum,
  cumSum,
  reduceL1,
  reduceL2,
  reduceLogSumExp,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
  reduceSumSquare,
  tile,
} from '../../graph-builder/ops/reduction.ts';
import type { OpType } from '../../graph-builder/ops/registry.ts';
import { tensor } from '../../graph-builder/types.ts';
import type { DType } from '../../graph-builder/types.ts';
import { hash } from './model.ts';

export interface CaseInput {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export interface Case {
  /** The operator whose gradient is in question. */
  readonly op: OpType;
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly build: (...inputs: Value[]) => Value | readonly Value[];
  /** `linear`: linear in each input while the others rest. `kinked`: the same between kinks. */
  readonly kind?: 'linear' | 'kinked' | 'smooth';
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
let salt = 0;

/** Multiples of 1/32 in [low, high). */
function between(low: number, high: number, shape: readonly number[]): CaseInput {
  salt++;
  const seed = salt;
  const values = Float64Array.from(
    { length: sizeOf(shape) },
    (_, i) => low + (hash(seed, i) % Math.round((high - low) * 32)) / 32,
  );
  return { shape, values };
}

const any = (...shape: number[]) => between(-2, 2, shape);
const positive = (...shape: number[]) => between(0.5, 2, shape);

/** Distinct values, 1/4 apart, shuffled, none of them a multiple of 1/4 unless `offset` makes them so. */
function distinct(shape: readonly number[], offset = 1 / 8): CaseInput {
  salt++;
  const seed = salt;
  const length = sizeOf(shape);
  const order = Array.from({ length }, (_, i) => i).sort((a, b) => hash(seed, a) - hash(seed, b));
  return {
    shape,
    values: Float64Array.from(order, (rank) => (rank - length / 2 + (length % 2) / 2) / 4 + offset),
  };
}
const apart = (...shape: number[]) => distinct(shape);

const constant = (like: Value, dtype: DType, values: readonly number[], shape = [values.length]) =>
  like.graph.constant(tensor(dtype, values, shape));

const linear = { kind: 'linear' } as const;
const kinked = { kind: 'kinked' } as const;

const unary: readonly Case[] = [
  { op: 'Abs', name: 'away from 0', inputs: [apart(2, 5)], build: abs, ...kinked },
  { op: 'Neg', name: '', inputs: [any(2, 3)], build: neg, ...linear },
  { op: 'Exp', name: '', inputs: [any(2, 3)], build: exp },
  { op: 'Log', name: '', inputs: [positive(2, 3)], build: log },
  { op: 'Sqrt', name: '', inputs: [positive(2, 3)], build: sqrt },
  { op: 'Reciprocal', name: 'positive', inputs: [between(1, 3, [2, 3])], build: reciprocal },
  { op: 'Reciprocal', name: 'negative', inputs: [between(-3, -1, [2, 3])], build: reciprocal },
  { op: 'Sin', name: '', inputs: [any(2, 5)], build: sin },
  { op: 'Cos', name: '', inputs: [any(2, 5)], build: cos },
  { op: 'Tanh', name: '', inputs: [any(2, 5)], build: tanh },
  { op: 'Sigmoid', name: '', inputs: [any(2, 5)], build: sigmoid },
  { op: 'Sigmoid', name: 'silu', inputs: [any(2, 5)], build: silu },
  { op: 'Softplus', name: '', inputs: [any(2, 5)], build: softplus },
  { op: 'Erf', name: '', inputs: [any(2, 5)], build: erf },
  { op: 'Erf', name: 'gelu', inputs: [any(2, 5)], build: gelu },
  { op: 'Relu', name: '', inputs: [apart(2, 5)], build: relu, ...kinked },
  { op: 'Relu', name: 'squared', inputs: [apart(2, 5)], build: (x) => square(relu(x)), kind: 'kinked' },
  ...[0.2, 0, 1].flatMap((alpha): Case[] => [
    {
      op: 'LeakyRelu',
      name: `alpha ${alpha}`,
      inputs: [apart(2, 5)],
      build: (x) => leakyRelu(x, alpha),
      ...kinked,
    },
    {
      op: 'LeakyReluGradient',
      name: `alpha ${alpha}`,
      inputs: [any(2, 5), apart(2, 5)],
      build: (dy, y) => emitOne(LeakyReluGradient, [dy, y], { alpha }),
      ...kinked,
    },
  ]),
  {
    op: 'LeakyRelu',
    name: 'of a product',
    inputs: [apart(3, 2)],
    build: (x) => leakyRelu(mul(x, tanh(x)), 0.3),
  },
  { op: 'Identity', name: '', inputs: [any(2, 3)], build: identity, ...linear },
  {
    op: 'Cast',
    name: 'to float64 and back',
    inputs: [any(2, 3)],
    build: (x) => cast(mul(cast(x, 'float64'), cast(sin(x), 'float64')), 'float32'),
  },
  {
    op: 'Cast',
    name: 'to int32 stops the flow',
    inputs: [apart(2, 3)],
    build: (x) => mul(x, cast(cast(x, 'int32'), 'float32')),
    ...kinked,
  },
  {
    op: 'Mul',
    name: 'by its own floor and sign',
    inputs: [apart(2, 4)],
    build: (x) => mul(x, add(floor(x), sign(x))),
    ...kinked,
  },
  ...(
    [
      ['both bounds', -0.5, 0.75],
      ['low', -0.5, undefined],
      ['high', undefined, 0.25],
      ['none', undefined, undefined],
    ] as const
  ).map(([name, low, high]): Case => ({
    op: 'Clip',
    name,
    inputs: [apart(3, 4)],
    build: (x) => clip(x, low, high),
    ...kinked,
  })),
  {
    op: 'Clip',
    name: 'by its bounds',
    inputs: [apart(3, 4), distinct([], -0.5), distinct([], 0.5)],
    build: (x, low, high) => emitOne(Clip, [x, low, high], {}),
    ...kinked,
  },
];

const broadcasts: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['equal shapes', [2, 3], [2, 3]],
  ['scalar right', [2, 3], []],
  ['scalar left', [], [2, 3]],
  ['one element', [1], [2, 3]],
  ['per channel', [2, 3, 2, 2], [3, 1, 1]],
  ['leading axes', [4], [2, 3, 4]],
  ['column and row', [3, 1], [1, 4]],
  ['inner and outer axes', [2, 1, 3], [1, 2, 1]],
  ['rank-raising ones', [1, 1, 3], [2, 3]],
];

const binary: readonly Case[] = broadcasts.flatMap(([name, a, b]): Case[] => [
  { op: 'Add', name, inputs: [any(...a), any(...b)], build: add, ...linear },
  { op: 'Sub', name, inputs: [any(...a), any(...b)], build: sub, ...linear },
  { op: 'Mul', name, inputs: [any(...a), any(...b)], build: mul, ...linear },
  { op: 'Div', name, inputs: [any(...a), between(1, 3, b)], build: div },
  { op: 'Max', name, inputs: [distinct(a), distinct(b, 0)], build: max, ...kinked },
  { op: 'Min', name, inputs: [distinct(a), distinct(b, 0)], build: min, ...kinked },
  { op: 'Pow', name, inputs: [positive(...a), any(...b)], build: pow },
  {
    op: 'Where',
    name,
    inputs: [any(...a), any(...b)],
    build: (x, y) =>
      where(constant(x, 'bool', [1, 0, 1].slice(0, (a.length ? a : b).at(-1) === 3 ? 3 : 1)), x, y),
    ...linear,
  },
]);

const numbers: readonly Case[] = [
  { op: 'Sub', name: 'from a number', inputs: [any(2, 3)], build: (x) => sub(1, x), ...linear },
  { op: 'Mul', name: 'by itself', inputs: [any(2, 3)], build: square },
  {
    op: 'Mul',
    name: 'three uses of one value',
    inputs: [any(2, 3)],
    build: (x) => add(mul(x, mul(x, x)), x),
  },
  { op: 'Div', name: 'of a number', inputs: [between(1, 3, [2, 3])], build: (x) => div(2, x) },
  { op: 'Div', name: 'negative divisor', inputs: [any(2, 3), between(-3, -1, [2, 3])], build: div },
  ...[2, 3, 1, -1].map((n): Case => ({
    op: 'Pow',
    name: `exponent ${n}, base of either sign`,
    inputs: [n < 0 ? between(-3, -1, [2, 3]) : distinct([2, 3])],
    build: (x) => pow(x, n),
  })),
  { op: 'Pow', name: 'exponent 0.5', inputs: [positive(2, 3)], build: (x) => pow(x, 0.5) },
  { op: 'Pow', name: 'by the exponent of 2', inputs: [any(2, 3)], build: (x) => pow(2, x) },
  { op: 'Pow', name: 'x to the x', inputs: [positive(2, 3)], build: (x) => pow(x, x) },
  {
    op: 'Where',
    name: 'scalar condition',
    inputs: [any(2, 3), any(3)],
    build: (x, y) => where(constant(x, 'bool', [0], []), x, y),
    ...linear,
  },
  {
    op: 'Where',
    name: 'condition broadcasts both branches',
    inputs: [any(1, 3), any(2, 1)],
    build: (x, y) => where(constant(x, 'bool', [1, 0, 0, 1, 1, 0], [2, 1, 3]), x, y),
    ...linear,
  },
  {
    op: 'Where',
    name: 'condition on the input',
    inputs: [apart(2, 4)],
    build: (x) => where(greater(x, 0), mul(x, 3), mul(x, x)),
    ...kinked,
  },
  {
    op: 'Where',
    name: 'number branches',
    inputs: [apart(2, 4)],
    build: (x) => where(greater(x, 0), x, -1),
    ...kinked,
  },
];

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

const convolution: readonly Case[] = convolutions.flatMap((c): Case[] => {
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

const biased: readonly Case[] = [
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

const pooling: readonly Case[] = [
  ...[true, false].flatMap((countIncludePad): Case[] => {
    const name = (text: string) => `${text}${countIncludePad ? ', pads count' : ''}`;
    const pool = (text: string, shape: number[], kernel: number | number[], options: object): Case => ({
      op: 'AveragePool',
      name: name(text),
      inputs: [any(...shape)],
      build: (x) => averagePool(x, kernel, { ...options, countIncludePad }),
      ...linear,
    });
    return [
      pool('windows side by side', [2, 2, 4, 6], 2, {}),
      pool('odd size', [1, 2, 5, 7], 2, {}),
      pool('overlapping', [1, 2, 5, 4], 3, { stride: 1 }),
      pool('overlapping with pads', [2, 1, 5, 4], 3, { stride: 2, pad: 1 }),
      pool('asymmetric', [1, 2, 6, 5], [3, 2], { stride: [2, 1], pad: [1, 0, 2, 1] }),
      pool('stride beyond kernel', [1, 1, 7, 8], 2, { stride: 3, pad: [1, 0, 0, 0] }),
      pool('1-D', [2, 2, 7], 3, { stride: 2, pad: 1 }),
      pool('3-D', [1, 2, 4, 3, 5], 2, { stride: [2, 1, 2], pad: [0, 1, 1, 0, 0, 0] }),
    ];
  }),
  ...[
    [2, 3, 4],
    [2, 3, 2, 3],
    [1, 2, 2, 3, 2],
  ].map((shape): Case => ({
    op: 'GlobalAveragePool',
    name: `${shape.length - 2}-D`,
    inputs: [any(...shape)],
    build: globalAveragePool,
    ...linear,
  })),
  ...[1, 2, 3].map((factor): Case => ({
    op: 'Resize',
    name: `factor ${factor}`,
    inputs: [any(2, 2, 3, 2)],
    build: (x) => upsampleNearest(x, factor),
    ...linear,
  })),
  { op: 'Resize', name: '1-D', inputs: [any(2, 2, 3)], build: (x) => upsampleNearest(x, 2), ...linear },
  ...[
    [1, 1, 2, 3],
    [1, 1, 1, 2],
    [2, 1, 3, 1],
  ].map((factors): Case => ({
    op: 'Resize',
    name: `factors ${factors.join()}`,
    inputs: [any(1, 2, 2, 3)],
    build: (x) =>
      emitOne(Resize, [x, undefined, constant(x, 'float32', factors)], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    ...linear,
  })),
];

const reductionAxes: readonly (readonly [string, readonly number[] | undefined, boolean])[] = [
  ['all', undefined, false],
  ['all, kept', undefined, true],
  ['axis 1', [1], false],
  ['axis 1, kept', [1], true],
  ['axis -1', [-1], false],
  ['axes -1 and 0', [-1, 0], false],
  ['axes 2 and 1, kept', [2, 1], true],
  ['axes 0, 1, 2', [0, 1, 2], false],
];

const reductions: readonly Case[] = reductionAxes.flatMap(([name, axes, keepdims]): Case[] => [
  { op: 'ReduceSum', name, inputs: [any(2, 3, 2)], build: (x) => reduceSum(x, axes, keepdims), ...linear },
  { op: 'ReduceMean', name, inputs: [any(2, 3, 2)], build: (x) => reduceMean(x, axes, keepdims), ...linear },
  { op: 'ReduceMax', name, inputs: [apart(2, 3, 2)], build: (x) => reduceMax(x, axes, keepdims), ...kinked },
  { op: 'ReduceMin', name, inputs: [apart(2, 3, 2)], build: (x) => reduceMin(x, axes, keepdims), ...kinked },
  { op: 'ReduceL1', name, inputs: [apart(2, 3, 2)], build: (x) => reduceL1(x, axes, keepdims), ...kinked },
  { op: 'ReduceL2', name, inputs: [positive(2, 3, 2)], build: (x) => reduceL2(x, axes, keepdims) },
  { op: 'ReduceSumSquare', name, inputs: [any(2, 3, 2)], build: (x) => reduceSumSquare(x, axes, keepdims) },
  { op: 'ReduceLogSumExp', name, inputs: [any(2, 3, 2)], build: (x) => reduceLogSumExp(x, axes, keepdims) },
  { op: 'ReduceProd', name, inputs: [positive(2, 3, 2)], build: (x) => reduceProd(x, axes, keepdims) },
  {
    op: 'ReduceProd',
    name: `${name}, negative factors`,
    inputs: [between(-2, -0.5, [2, 3, 2])],
    build: (x) => reduceProd(x, axes, keepdims),
  },
]);

const running: readonly Case[] = [
  ...[0, 1, -1].flatMap((axis): Case[] => [
    { op: 'CumSum', name: `axis ${axis}`, inputs: [any(2, 3, 2)], build: (x) => cumSum(x, axis), ...linear },
    {
      op: 'CumSum',
      name: `axis ${axis}, reverse`,
      inputs: [any(2, 3, 2)],
      build: (x) => emitOne(CumSum, [x], { axis: [axis], reverse: true }),
      ...linear,
    },
  ]),
  ...[
    [1, 1, 1],
    [2, 1, 1],
    [1, 3, 1],
    [2, 1, 2],
    [2, 2, 3],
  ].map((repeats): Case => ({
    op: 'Tile',
    name: repeats.join(),
    inputs: [any(2, 1, 3)],
    build: (x) => tile(x, repeats),
    ...linear,
  })),
];

const movement: readonly Case[] = [
  { op: 'Reshape', name: '', inputs: [any(2, 3, 2)], build: (x) => reshape(x, [4, 3]), ...linear },
  { op: 'Reshape', name: 'to a scalar', inputs: [any(1, 1)], build: (x) => reshape(x, []), ...linear },
  ...(
    [
      [[], [2, 3]],
      [
        [3, 1],
        [2, 3, 2],
      ],
      [
        [1, 3],
        [2, 3],
      ],
      [
        [2, 1, 1],
        [2, 3, 2],
      ],
    ] as const
  ).map(([from, to]): Case => ({
    op: 'Expand',
    name: `[${from.join()}] to [${to.join()}]`,
    inputs: [any(...from)],
    build: (x) => expand(x, to),
    ...linear,
  })),
  ...[
    [1, 0, 2],
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
  ].map((perm): Case => ({
    op: 'Transpose',
    name: perm.join(),
    inputs: [any(2, 3, 4)],
    build: (x) => transpose(x, perm),
    ...linear,
  })),
  {
    op: 'Transpose',
    name: '0,3,1,2',
    inputs: [any(2, 2, 3, 4)],
    build: (x) => transpose(x, [0, 3, 1, 2]),
    ...linear,
  },
  ...[0, 1, 2, -1, -2].map((axis): Case => {
    const along = (axis + 3) % 3;
    const shape = (extent: number) => [2, 2, 2].map((dim, i) => (i === along ? extent : dim));
    return {
      op: 'Concat',
      name: `axis ${axis}`,
      inputs: [any(...shape(1)), any(...shape(3)), any(...shape(2))],
      build: (...parts) => concat(parts, axis),
      ...linear,
    };
  }),
  { op: 'Concat', name: 'one value twice', inputs: [any(2, 3)], build: (x) => concat([x, sin(x), x], 1) },
  ...[0, 1, 2, -1].map((axis): Case => {
    const shape = [2, 2, 2].map((dim, i) => (i === (axis + 3) % 3 ? 6 : dim));
    return {
      op: 'Split',
      name: `axis ${axis}`,
      inputs: [any(...shape)],
      build: (x) => split(x, [1, 3, 2], axis),
      ...linear,
    };
  }),
  {
    op: 'Split',
    name: 'outputs used unevenly',
    inputs: [any(2, 6)],
    build: (x) => {
      const [a, , c] = split(x, [2, 2, 2], 1);
      return mul(c!, mul(a!, c!));
    },
  },
  ...(
    [
      ['a range', { 1: [1, 4] }],
      ['bounds from the end', { 1: [-3, -1] }],
      ['bounds beyond the ends', { 0: [-9, 9], 1: [2, 99] }],
      ['two axes', { 0: [1, 3], 1: [0, 5, 2] }],
      ['negative axis', { [-1]: [1, 6, 2] }],
      ['step 2', { 1: [0, 7, 2] }],
      ['step 2 from 1', { 1: [1, 7, 2] }],
      ['step 3', { 1: [0, 7, 3] }],
      ['step 3 from 2, short', { 1: [2, 6, 3] }],
      ['step beyond the extent', { 1: [2, 7, 9] }],
      ['step -1', { 1: [6, -8, -1] }],
      ['step -1 of a part', { 1: [4, 1, -1] }],
      ['step -2', { 1: [-1, -99, -2] }],
      ['step -2 from 5', { 1: [5, 0, -2] }],
      ['step -3', { 1: [6, -8, -3] }],
      ['step -3 and 2', { 0: [2, -9, -2], 1: [0, 7, 3] }],
      ['start before the front, step -1', { 1: [-20, -21, -1] }],
    ] as const
  ).map(([name, where]): Case => ({
    op: 'Slice',
    name,
    inputs: [any(3, 7)],
    build: (x) => slice(x, where),
    ...linear,
  })),
  ...(
    [
      ['front and back', [1, 0, 2, 3], 0],
      ['negative', [-1, 0, 0, -2], 0],
      ['mixed', [2, -1, -1, 3], 0],
      ['with a value', [0, 1, 1, 0], 1.5],
    ] as const
  ).map(([name, pads, value]): Case => ({
    op: 'Pad',
    name,
    inputs: [any(3, 4)],
    build: (x) => pad(x, pads, value),
    ...linear,
  })),
  {
    op: 'Pad',
    name: 'mixed signs with a value',
    inputs: [any(3, 4)],
    build: (x) => pad(x, [2, -1, -1, 3], 0.5),
    ...linear,
  },
  {
    op: 'Pad',
    name: 'image',
    inputs: [any(1, 2, 3, 3)],
    build: (x) => pad(x, [0, 0, 1, 2, 0, 0, 0, 1]),
    ...linear,
  },
  ...(['DCR', 'CRD'] as const).flatMap((mode): Case[] => [
    ...[2, 3].map((r): Case => ({
      op: 'DepthToSpace',
      name: `${mode} ${r}`,
      inputs: [any(2, 2 * r * r, 2, 1)],
      build: (x) => depthToSpace(x, r, mode),
      ...linear,
    })),
    {
      op: 'Transpose',
      name: `spaceToDepth ${mode}`,
      inputs: [any(1, 2, 4, 6)],
      build: (x) => spaceToDepth(x, 2, mode),
      ...linear,
    },
  ]),
];

/** A full set of indices into `extent`, laid out in `shape`, with repeats. */
const repeating = (shape: readonly number[], extent: number) =>
  Array.from({ length: sizeOf(shape) }, (_, i) => hash(7, i) % extent);

const indexing: readonly Case[] = [
  ...[0, 1, 2, -1].flatMap((axis): Case[] => [
    {
      op: 'Gather',
      name: `axis ${axis}, repeats`,
      inputs: [any(3, 3, 3)],
      build: (x) => gather(x, constant(x, 'int32', [2, 0, 2, 2]), axis),
      ...linear,
    },
    {
      op: 'Gather',
      name: `axis ${axis}, matrix of indices from either end`,
      inputs: [any(3, 4, 3)],
      build: (x) => gather(x, constant(x, 'int64', [-1, 0, 1, 1, 1, -2], [3, 2]), axis),
      ...linear,
    },
    {
      op: 'Gather',
      name: `axis ${axis}, scalar index`,
      inputs: [any(3, 2, 3)],
      build: (x) => gather(x, constant(x, 'int64', [1], []), axis),
      ...linear,
    },
  ]),
  ...[0, 1, -1].flatMap((axis): Case[] => [
    {
      op: 'GatherElements',
      name: `axis ${axis}, repeats`,
      inputs: [any(3, 3)],
      build: (x) => gatherElements(x, constant(x, 'int64', repeating([3, 3], 3), [3, 3]), axis),
      ...linear,
    },
    {
      op: 'GatherElements',
      name: `axis ${axis}, fewer and from the end`,
      inputs: [any(3, 3)],
      build: (x) => gatherElements(x, constant(x, 'int32', [-1, 0, 1, -1], [2, 2]), axis),
      ...linear,
    },
    {
      op: 'ScatterElements',
      name: `axis ${axis}, none`,
      inputs: [any(3, 3), any(2, 2)],
      build: (x, updates) =>
        scatterElements(
          x,
          constant(x, 'int64', axis === 0 ? [0, 2, 1, -2] : [0, -1, 2, 0], [2, 2]),
          updates,
          axis,
        ),
      ...linear,
    },
    {
      op: 'ScatterElements',
      name: `axis ${axis}, add with repeats`,
      inputs: [any(3, 3), any(3, 2)],
      build: (x, updates) =>
        scatterElements(x, constant(x, 'int32', repeating([3, 2], 3), [3, 2]), updates, axis, 'add'),
      ...linear,
    },
  ]),
  ...(
    [
      ['rows', [3], [[0], [-1]], [2, 2]],
      [
        'elements',
        [3, 2],
        [
          [0, 1],
          [2, 0],
          [1, 1],
        ],
        [3],
      ],
      [
        'elements of rank 3',
        [3, 2, 2],
        [
          [0, 1],
          [2, 0],
        ],
        [2, 2],
      ],
    ] as const
  ).flatMap(([name, head, tuples, updateShape]): Case[] => {
    const shape = name === 'rows' ? [...head, 2] : [...head];
    const indices = (x: Value, list: readonly (readonly number[])[]) =>
      constant(x, 'int64', list.flat(), [list.length, list[0]!.length]);
    const twice = [...tuples, tuples[0]];
    return [
      {
        op: 'ScatterND',
        name: `${name}, none`,
        inputs: [any(...shape), any(...updateShape)],
        build: (x, updates) => scatterND(x, indices(x, tuples), updates),
        ...linear,
      },
      {
        op: 'ScatterND',
        name: `${name}, add with repeats`,
        inputs: [any(...shape), any(twice.length, ...updateShape.slice(1))],
        build: (x, updates) => scatterND(x, indices(x, twice), updates, 'add'),
        ...linear,
      },
      {
        op: 'GatherND',
        name: `${name}, repeats`,
        inputs: [any(...shape)],
        build: (x) => gatherND(x, indices(x, twice)),
        ...linear,
      },
    ];
  }),
  ...(['edge', 'reflect'] as const).map((mode): Case => ({
    op: 'Gather',
    name: `padWith ${mode}`,
    inputs: [any(1, 2, 3, 4)],
    build: (x) => padWith(x, [0, 0, 2, 1, 0, 0, 1, 3], mode),
    ...linear,
  })),
];

const products: readonly Case[] = [
  ...(
    [
      ['matrices', [2, 3], [3, 4]],
      ['batch', [2, 2, 3], [2, 3, 4]],
      ['batch left', [2, 2, 3], [3, 4]],
      ['batch right', [2, 3], [2, 3, 4]],
      ['broadcast batches', [2, 1, 2, 3], [1, 3, 3, 2]],
      ['one to a batch', [1, 2, 3], [4, 3, 2]],
      ['row and column', [1, 3], [3, 1]],
    ] as const
  ).map(([name, a, b]): Case => ({
    op: 'MatMul',
    name,
    inputs: [any(...a), any(...b)],
    build: matmul,
    ...linear,
  })),
  { op: 'MatMul', name: 'with itself', inputs: [any(3, 3)], build: (x) => matmul(x, matmul(x, x)) },
  ...[false, true].flatMap((transA) =>
    [false, true].flatMap((transB): Case[] => {
      const a = () => (transA ? any(3, 2) : any(2, 3));
      const b = () => (transB ? any(4, 3) : any(3, 4));
      const name = `${transA ? 'A^T' : 'A'} ${transB ? 'B^T' : 'B'}`;
      return [
        { op: 'Gemm', name, inputs: [a(), b()], build: (x, y) => gemm(x, y, { transA, transB }), ...linear },
        ...[[4], [], [2, 1], [1, 4], [2, 4], [1]].map((c): Case => ({
          op: 'Gemm',
          name: `${name}, alpha and beta, C [${c.join()}]`,
          inputs: [a(), b(), any(...c)],
          build: (x, y, z) => gemm(x, y, { transA, transB, alpha: 0.75, beta: -1.5, c: z }),
          ...linear,
        })),
      ];
    }),
  ),
];

const normalization: readonly Case[] = [
  ...(
    [
      [0, [3, 2]],
      [1, [2, 3]],
      [-1, [2, 2, 3]],
      [1, [2, 3, 2]],
      [-3, [2, 3, 2, 2]],
    ] as const
  ).flatMap(([axis, shape]): Case[] => [
    {
      op: 'Softmax',
      name: `axis ${axis} of ${shape.length}`,
      inputs: [any(...shape)],
      build: (x) => softmax(x, axis),
    },
    {
      op: 'ReduceLogSumExp',
      name: `logSoftmax axis ${axis} of ${shape.length}`,
      inputs: [any(...shape)],
      build: (x) => logSoftmax(x, axis),
    },
  ]),
  ...[
    [4, 2],
    [3, 2, 3],
    [2, 3, 2, 2],
    [2, 2, 2, 2, 2],
  ].flatMap((shape): Case[] => {
    const rank = `rank ${shape.length}`;
    const c = shape[1]!;
    const wide = () => distinct(shape);
    const train = (x: Value, scale: Value, bias: Value) => batchNormTraining(x, scale, bias, 0.125);
    return [
      {
        op: 'BatchNormalization',
        name: rank,
        inputs: [any(...shape), any(c), any(c), any(c), positive(c)],
        build: (x, scale, bias, mean, variance) => batchNormalization(x, scale, bias, mean, variance, 0.125),
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, y`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).y,
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, all outputs`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => Object.values(train(x, scale, bias)),
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, mean`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).mean,
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, variance`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).variance,
      },
    ];
  }),
  ...[[1], [2, 3], [-1], [1, 2, 3]].map((axes): Case => ({
    op: 'ReduceMean',
    name: `normalize over ${axes.join()}`,
    inputs: [distinct([2, 3, 2, 2])],
    build: (x) => normalize(x, axes, 0.125),
  })),
];

export const cases: readonly Case[] = [
  ...unary,
  ...binary,
  ...numbers,
  ...convolution,
  ...biased,
  ...pooling,
  ...reductions,
  ...running,
  ...movement,
  ...indexing,
  ...products,
  ...normalization,
];
