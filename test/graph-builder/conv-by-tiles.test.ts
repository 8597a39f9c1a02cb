import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { add, mul } from '../../graph-builder/ops/elementwise.ts';
import { reduceMean } from '../../graph-builder/ops/reduction.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { kronecker, mostProducts, winograd } from '../../graph-builder/rewrites/winograd.ts';
import type { Matrix } from '../../graph-builder/rewrites/winograd.ts';
import { verify } from '../../graph-builder/verify.ts';
import { difference, evaluate, feedsOf } from './model.ts';

const times = (matrix: Matrix, vector: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, x, i) => sum + x * vector[i]!, 0));

describe('winograd', () => {
  const sizes = [2, 3, 4, 5].flatMap((taps) =>
    [1, 2, 3, 4, 5].filter((m) => m + taps - 1 <= mostProducts).map((m) => [m, taps] as const),
  );

  test.each(sizes)('computes %i outputs of %i taps', (outputs, taps) => {
    const { filter, input, output } = winograd(outputs, taps);
    const data = Array.from({ length: outputs + taps - 1 }, (_, i) => Math.sin(3 * i + 1));
    const weights = Array.from({ length: taps }, (_, i) => Math.cos(5 * i));
    const transformed = times(filter, weights);
    const products = times(input, data).map((x, i) => x * transformed[i]!);
    const expected = Array.from({ length: outputs }, (_, i) =>
      weights.reduce((sum, weight, t) => sum + weight * data[i + t]!, 0),
    );
    times(output, products).forEach((y, i) => {
      expect(y).toBeCloseTo(expected[i]!, 12);
    });
  });

  test('kronecker multiplies each element by a whole matrix', () => {
    expect(kronecker([[1, 2]], [[3], [5]])).toEqual([
      [3, 6],
      [5, 10],
    ]);
  });
});

interface Case {
  readonly batch: number;
  /** Channels, height and width of the large side. */
  readonly large: readonly [number, number, number];
  /** Channels of the small side. */
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Begins, then ends. */
  readonly pads: readonly [number, number, number, number];
}

/** A convolution and all its derivatives of first and second order, in each of the three readings. */
function readings({ batch, large, channels, kernel, stride, pads }: Case): Graph {
  const graph = new Graph('readings');
  const x = graph.input('x', 'float32', [batch, ...large]);
  const w = graph.input('w', 'float32', [channels, large[0], ...kernel]);
  const bias = graph.input('bias', 'float32', [channels]);
  const y = conv(x, w, { stride, pad: pads }, bias);
  const firsts = gradients(reduceMean(mul(y, mul(y, y))), [x, w, bias]);
  const seconds = gradients(
    firsts.map((first) => reduceMean(mul(first, first))).reduce((a, b) => add(a, b)),
    [x, w, bias],
  );
  const bias2 = graph.input('bias2', 'float32', [large[0]]);
  const up = convTranspose(y, w, { stride, pad: pads }, bias2);
  const results: Record<string, Value> = { y, up };
  [...firsts, ...seconds].forEach((gradient, i) => (results[`gradient${i}`] = gradient));
  for (const [name, value] of Object.entries(results)) graph.output(`out/${name}`, value);
  return graph;
}

/** Whether something is multiplied by a constant matrix: sums over rows take a constant row. */
const isTiled = (graph: Graph) =>
  graph.nodes.some(
    ({ op, inputs: [a] }) => op.type === 'MatMul' && (a?.constant?.shape[0] ?? 0) !== 1 && a?.constant,
  );

describe('convolution by tiles', () => {
  const square: Case = {
    batch: 3,
    large: [16, 16, 16],
    channels: 24,
    kernel: [4, 4],
    stride: [2, 2],
    pads: [1, 1, 1, 1],
  };

  test.each<[string, Case]>([
    ['kernel 4, stride 2', square],
    ['in parts of the batch, the last a smaller one', { ...square, batch: 37 }],
    ['kernel 3, stride 1', { ...square, kernel: [3, 3], stride: [1, 1] }],
    ['kernel 5, stride 1, padded by 2', { ...square, kernel: [5, 5], stride: [1, 1], pads: [2, 2, 2, 2] }],
    ['kernel 6, stride 3', { ...square, batch: 20, kernel: [6, 6], stride: [3, 3], pads: [2, 2, 2, 2] }],
    ['kernel 6, stride 2', { ...square, kernel: [6, 6], pads: [2, 2, 2, 2] }],
    ['no padding', { ...square, batch: 20, pads: [0, 0, 0, 0] }],
    ['more padding than the kernel reaches', { ...square, pads: [5, 4, 5, 6] }],
    ['padding that differs from side to side', { ...square, pads: [0, 1, 3, 2] }],
    [
      'axes that differ',
      { ...square, large: [16, 14, 9], kernel: [3, 4], stride: [1, 2], pads: [1, 0, 1, 1] },
    ],
    ['one tap along an axis', { ...square, kernel: [1, 3], stride: [1, 1], pads: [0, 1, 0, 1] }],
    ['rows and columns that the stride passes by', { ...square, large: [16, 17, 19], pads: [0, 0, 0, 0] }],
    ['sides that no tile divides', { ...square, large: [16, 14, 22] }],
  ])('computes what ONNX does: %s', async (_, geometry) => {
    const graph = compile(readings(geometry), 'cpu');
    verify(graph);
    expect(isTiled(graph)).toBe(true);
    const feeds = feedsOf(graph);
    const expected = await evaluate(compile(readings(geometry), 'portable'), feeds);
    expect(difference(await evaluate(graph, feeds), expected)).toBeLessThan(1e-5);
  });

  test.each<[string, Partial<Case>]>([
    ['colours', { large: [3, 16, 16] }],
    ['a stride that does not divide the kernel', { kernel: [3, 3] }],
    ['a kernel of one tap', { kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0] }],
    ['a lone pixel', { batch: 1, large: [16, 2, 2] }],
  ])('is not the way for %s', (_, changed) => {
    const graph = compile(readings({ ...square, ...changed }), 'cpu');
    expect(isTiled(graph)).toBe(false);
  });
});
