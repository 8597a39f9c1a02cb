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
} from '../../../graph-builder/ops/activation.ts';
import { greater } from '../../../graph-builder/ops/comparison.ts';
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
} from '../../../graph-builder/ops/elementwise.ts';
import { identity } from '../../../graph-builder/ops/movement.ts';
import { emitOne } from '../../../graph-builder/ops/op.ts';
import { any, apart, between, constant, distinct, kinked, linear, positive } from './case.ts';
import type { Case } from './case.ts';

export const unary: readonly Case[] = [
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

export const binary: readonly Case[] = broadcasts.flatMap(([name, a, b]): Case[] => [
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

export const numbers: readonly Case[] = [
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
