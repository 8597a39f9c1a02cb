import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Node, Value } from '../../graph-builder/graph.ts';
import { leakyRelu, tanh } from '../../graph-builder/ops/activation.ts';
import { add, exp, mul, sqrt } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { matmul } from '../../graph-builder/ops/matmul.ts';
import { concat, pad, reshape, slice, transpose } from '../../graph-builder/ops/movement.ts';
import { reduceMean, reduceSumSquare } from '../../graph-builder/ops/reduction.ts';
import { computeLate } from '../../graph-builder/rewrites/compute-late.ts';
import { elementwiseInParts } from '../../graph-builder/rewrites/elementwise-in-parts.ts';
import { foldReshapes } from '../../graph-builder/rewrites/fold-reshapes.ts';
import { lower } from '../../graph-builder/rewrites/lower.ts';
import { mergeDuplicates } from '../../graph-builder/rewrites/merge-duplicates.ts';
import { recompute } from '../../graph-builder/rewrites/recompute.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { count, direction, evaluate, types } from './model.ts';

/* The rewrites that decide how much memory a step takes; none of them changes a bit of what it computes. */

async function expectSameBits(actual: Graph, expected: Graph) {
  verify(actual);
  const feeds = Object.fromEntries(
    expected.inputs.map(({ name, shape }, i) => [name!, direction(sizeOf(shape), 70 + i)]),
  );
  expect(await evaluate(lower(actual, 'portable'), feeds)).toEqual(
    await evaluate(lower(expected, 'portable'), feeds),
  );
}

/** The order in which onnxruntime runs a graph: depth first from what nobody reads, of nodes the later one first. */
function runOrder({ nodes }: Graph): Node[] {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.map((input) => input?.node)));
  const index = new Map(nodes.map((node, i) => [node, i]));
  const order = new Set<Node>();
  const visit = (node: Node) => {
    if (order.has(node)) return;
    const sources = node.inputs.flatMap((input) => input?.node ?? []);
    for (const source of sources.sort((a, b) => index.get(b)! - index.get(a)!)) visit(source);
    order.add(node);
  };
  for (const node of [...nodes].reverse()) if (!read.has(node)) visit(node);
  return [...order];
}

describe('computeLate', () => {
  test('has the deep input of a large node computed first, and what is at hand when it is needed', () => {
    const graph = new Graph('late');
    const x = graph.input('x', 'float32', [2, 2]);
    graph.output('y', add(leakyRelu(x), exp(exp(tanh(x)))));
    const result = computeLate(graph);
    verify(result);
    expect(runOrder(result).map(({ op }) => op.type)).toEqual(['Tanh', 'Exp', 'Exp', 'LeakyRelu', 'Add']);
  });

  test('has the last result computed first', () => {
    const graph = new Graph('results');
    const x = graph.input('x', 'float32', [2, 2]);
    graph.output('first', exp(exp(exp(x))));
    graph.output('last', tanh(x));
    expect(runOrder(computeLate(graph)).map(({ op }) => op.type)).toEqual(['Tanh', 'Exp', 'Exp', 'Exp']);
  });

  test('has the gradient of each layer done before the backward pass goes on to the layer below', () => {
    const graph = new Graph('norm');
    const x = graph.input('x', 'float32', [4, 3]);
    const weights = [0, 1, 2].map((i) => graph.input(`w${i}`, 'float32', [3, 3]));
    const layer = (h: Value, w: Value, i: number) => graph.scope(`layer${i}`, () => tanh(matmul(h, w)));
    const grads = gradients(reduceMean(weights.reduce(layer, x)), weights);
    grads.forEach((grad, i) => {
      graph.output(`next/w${i}`, add(weights[i]!, grad));
    });
    graph.output('telemetry', sqrt(grads.map((grad) => reduceSumSquare(grad)).reduce((a, b) => add(a, b))));
    const order = runOrder(computeLate(graph));
    const norms = order.flatMap(({ op }, i) => (op.type === 'ReduceSumSquare' ? [i] : []));
    for (const [i, norm] of norms.slice(0, 2).entries())
      expect(norm).toBeLessThan(order.findIndex(({ scope }) => scope === `gradient/layer${1 - i}`));
    // Updates wait until all gradients are there.
    const updates = order.flatMap(({ op, scope }, i) => (op.type === 'Add' && scope === '' ? [i] : []));
    expect(Math.max(...norms)).toBeLessThan(updates.at(-3)!);
  });
});

describe('foldReshapes', () => {
  test('makes one of reshapes in a row, and of a transpose that moves axes of extent 1', async () => {
    const graph = new Graph('views');
    const x = graph.input('x', 'float32', [6]);
    graph.output('y', transpose(reshape(reshape(x, [2, 3]), [1, 6, 1, 1]), [0, 2, 3, 1]));
    const result = removeDead(foldReshapes(graph));
    expect(types(result)).toEqual(['Reshape']);
    await expectSameBits(result, graph);
  });

  test('leaves a transpose that moves elements', () => {
    const graph = new Graph('moves');
    const x = graph.input('x', 'float32', [1, 2, 3]);
    graph.output('y', transpose(x, [0, 2, 1]));
    expect(types(foldReshapes(graph))).toEqual(['Transpose']);
  });
});

describe('mergeDuplicates', () => {
  test('moves a large tensor again rather than keep what was moved', () => {
    const rows = (extent: number) => {
      const graph = new Graph('moved');
      const x = graph.input('x', 'float32', [extent, 64]);
      const index = graph.constant(tensor('int32', new Int32Array(extent), [extent]));
      const twice = (move: () => Value) => add(move(), move());
      graph.output(
        'gathered',
        twice(() => gather(x, index)),
      );
      graph.output(
        'padded',
        twice(() => pad(x, [1, 0, 0, 0])),
      );
      graph.output(
        'cut',
        twice(() => slice(x, { 1: [0, 60] })),
      );
      return types(mergeDuplicates(graph)).filter((type) => type !== 'Add').length;
    };
    expect(rows(8)).toBe(3);
    expect(rows(2048)).toBe(6);
  });
});

describe('recompute', () => {
  /** Two layers of a norm's scale and shift with an activation, on what was normalised before. */
  function network(rows: number) {
    const graph = new Graph('recompute');
    const x = graph.input('x', 'float32', [rows, 64]);
    const scale = graph.input('scale', 'float32', [64]);
    const w = graph.input('w', 'float32', [64, 2]);
    const y = graph.scope('norm', () => leakyRelu(add(mul(tanh(x), scale), scale)));
    const loss = graph.scope('loss', () => reduceMean(exp(matmul(y, w))));
    gradients(loss, [x, scale, w]).forEach((grad, i) => {
      graph.output(`grad${i}`, grad);
    });
    return graph;
  }

  test('computes an activation again for the backward pass from what that needs anyway', async () => {
    const graph = network(8192);
    const result = recompute(graph);
    expect(count(graph, 'LeakyRelu')).toBe(1);
    expect(count(result, 'LeakyRelu')).toBe(2);
    // Kept because its gradient reads it, and not computed by a few elementwise operators of anything kept.
    expect(count(result, 'MatMul')).toBe(count(graph, 'MatMul'));
    const [first, again] = result.nodes.filter(({ op }) => op.type === 'LeakyRelu');
    const readersOf = (node: Node) =>
      result.nodes.filter(({ inputs }) => inputs.some((input) => input?.node === node));
    expect(readersOf(first!).every(({ scope }) => !scope.startsWith('gradient/'))).toBe(true);
    expect(readersOf(again!).every(({ scope }) => scope.startsWith('gradient/'))).toBe(true);
    await expectSameBits(result, graph);
  });

  test('leaves small tensors alone', () => {
    const graph = network(16);
    expect(types(recompute(graph))).toEqual(types(graph));
  });
});

describe('elementwiseInParts', () => {
  test('has a run begin with the parts that a convolution leaves', async () => {
    const graph = new Graph('parts');
    const parts = [0, 1, 2].map((i) => graph.input(`part${i}`, 'float32', [4096 * (i + 1), 64]));
    const bias = graph.input('bias', 'float32', [64]);
    const joined = reshape(concat(parts, 0), [24, 32, 32, 64]);
    graph.output('y', tanh(add(joined, bias)));
    const result = removeDead(elementwiseInParts(graph));
    expect(count(result, 'Tanh')).toBe(3);
    expect(count(result, 'Slice')).toBe(0);
    expect(count(result, 'Concat')).toBe(1);
    await expectSameBits(result, graph);
  });

  test('cuts a tensor where the run is long enough', async () => {
    const graph = new Graph('long');
    const [x, y] = ['x', 'y'].map((name) => graph.input(name, 'float32', [8192, 64])) as [Value, Value];
    const row = graph.input('row', 'float32', [64]);
    graph.output('long', leakyRelu(tanh(exp(mul(add(tanh(x), row), y)))));
    const result = removeDead(elementwiseInParts(graph));
    expect(count(result, 'Exp')).toBe(2);
    expect(count(result, 'Slice')).toBe(4);
    await expectSameBits(result, graph);
    const short = new Graph('short');
    const [a, b, c] = ['a', 'b', 'c'].map((name) => short.input(name, 'float32', [8192, 64])) as [
      Value,
      Value,
      Value,
    ];
    short.output('short', add(mul(a, b), c));
    expect(types(elementwiseInParts(short))).toEqual(['Mul', 'Add']);
  });

  test('does not keep the parts of what others read too', () => {
    const graph = new Graph('read-twice');
    const x = graph.input('x', 'float32', [8192, 64]);
    const y = leakyRelu(exp(tanh(x)));
    graph.output('y', y);
    graph.output('z', exp(leakyRelu(tanh(y))));
    const result = removeDead(elementwiseInParts(graph));
    // The second run cuts the joined result of the first.
    expect(count(result, 'Concat')).toBe(2);
    expect(count(result, 'Slice')).toBe(4);
  });

  test('leaves operands alone that broadcast along the first axis in another way, and small tensors', () => {
    const graph = new Graph('others');
    const x = graph.input('x', 'float32', [8192, 64]);
    const perRow = graph.input('perRow', 'float32', [8192, 1]);
    graph.output('y', exp(mul(x, perRow)));
    const small = graph.input('small', 'float32', [8, 64]);
    graph.output('z', exp(tanh(small)));
    expect(types(elementwiseInParts(graph))).toEqual(['Mul', 'Exp', 'Tanh', 'Exp']);
  });
});
