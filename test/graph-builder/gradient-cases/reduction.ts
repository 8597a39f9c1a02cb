import { emitOne } from '../../../graph-builder/ops/op.ts';
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
} from '../../../graph-builder/ops/reduction.ts';
import { any, apart, between, kinked, linear, positive } from './case.ts';
import type { Case } from './case.ts';

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

export const reductions: readonly Case[] = reductionAxes.flatMap(([name, axes, keepdims]): Case[] => [
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
  {
    op: 'ReduceProd',
    name: `${name}, one factor 0`,
    inputs: [{ shape: [2, 3, 2], values: Float64Array.of(1, 0.5, -2, 1, 1.5, 0, -1, 2, -1, 1, 0.75, 1.25) }],
    build: (x) => reduceProd(x, axes, keepdims),
  },
]);

export const factors: readonly Case[] = [
  ...[1, 5, 8].map((n): Case => ({
    op: 'ReduceProd',
    name: `${n} factors`,
    inputs: [any(2, n)],
    build: (x) => reduceProd(x, [1]),
  })),
  {
    op: 'ReduceProd',
    name: 'no, one, two and three factors 0',
    inputs: [{ shape: [4, 3], values: Float64Array.of(1, -0.5, 2, 0, 1.5, -1, 0, 2, 0, 0, 0, 0) }],
    build: (x) => reduceProd(x, [1]),
  },
];

export const running: readonly Case[] = [
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
