import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { leakyRelu } from '../../graph-builder/ops/activation.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { conv } from '../../graph-builder/ops/convolution.ts';
import { add, exp, mul, square, sub } from '../../graph-builder/ops/elementwise.ts';
import { matmul } from '../../graph-builder/ops/matmul.ts';
import { identity, pad, reshape, slice, split } from '../../graph-builder/ops/movement.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { reduceProd, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { Model, derivative, direction, dot, evaluate, moved, spread, stencil, types } from './model.ts';

/** The values of `outputs` on `feeds`. */
async function valuesOf(
  outputs: readonly Value[],
  feeds: Readonly<Record<string, ArrayLike<number>>>,
): Promise<number[][]> {
  const [{ graph }] = outputs as [Value];
  outputs.forEach((value, i) => {
    graph.output(`out${i}`, value);
  });
  const results = await evaluate(graph, feeds, 'cpu');
  return outputs.map((_, i) => Array.from(results[`out${i}`]!));
}

describe('gradients', () => {
  test('sum broadcast axes down to the operand', async () => {
    const graph = new Graph('broadcast');
    const a = graph.input('a', 'float32', [2, 1, 3]);
    const b = graph.input('b', 'float32', [2, 1]);
    const c = graph.input('c', 'float32', []);
    const results = gradients(reduceSum(mul(mul(a, b), c)), [a, b, c]);
    expect(results.map(({ shape }) => shape)).toEqual([[2, 1, 3], [2, 1], []]);
    const values = await valuesOf(results, { a: [1, 2, 3, 4, 5, 6], b: [10, 1], c: [2] });
    expect(values).toEqual([[22, 22, 22, 22, 22, 22], [42, 42], [231]]);
  });

  test('add up over the uses of a value, and go on once', async () => {
    const graph = new Graph('uses');
    const x = graph.input('x', 'float32', [2]);
    const y = exp(x);
    const before = graph.nodes.length;
    const [dx] = gradients(reduceSum(add(mul(y, 3), add(y, mul(y, y)))), [x]);
    // One rule of Exp for the three uses of y.
    const uses = graph.nodes.slice(before).flatMap(({ inputs }) => inputs.filter((input) => input === y));
    expect(uses).toHaveLength(1 + 1 + 2 + 2 + 1);
    const [values] = await valuesOf([dx!], { x: [0, 0] });
    expect(values).toEqual([6, 6]);
  });

  test('are those of intermediate values too, each with all that follows it', async () => {
    const graph = new Graph('intermediate');
    const x = graph.input('x', 'float32', [1]);
    const y = mul(x, 3);
    const loss = reduceSum(mul(y, add(y, x)));
    const values = await valuesOf(gradients(loss, [x, y, loss]), { x: [2] });
    expect(values).toEqual([[48], [14], [1]]);
  });

  test('emit nothing for nodes off the path', () => {
    const graph = new Graph('pruning');
    const w = graph.input('w', 'float32', [3, 3]);
    const x = graph.input('x', 'float32', [2, 3]);
    // The deep branch does not depend on w, and the side branch does not reach the loss.
    const deep = exp(exp(exp(x)));
    const product = matmul(deep, w);
    exp(exp(product));
    const before = graph.nodes.length;
    gradients(reduceSum(product), [w]);
    expect(types(graph).slice(before)).toEqual(['ReduceSum', 'Reshape', 'Expand', 'Transpose', 'MatMul']);
  });

  test('stop at constants, and at what only they reach', async () => {
    const graph = new Graph('constants');
    const x = graph.input('x', 'float32', [2]);
    const y = square(x);
    const loss = reduceSum(mul(exp(y), x));
    const [dx] = gradients(loss, [x], { constants: [y] });
    expect(types(graph).filter((type) => type === 'Exp')).toHaveLength(1);
    const [values, expected] = await valuesOf([dx!, exp(y)], { x: [0.5, -1] });
    expect(values).toEqual(expected);
  });

  test('are zeros where the loss does not depend on the value', async () => {
    const graph = new Graph('independent');
    const [x, y] = [graph.input('x', 'float32', [2]), graph.input('y', 'float32', [1, 3])];
    const results = gradients(reduceSum(x), [y, x]);
    const values = await valuesOf(results, { x: [1, 2], y: [1, 2, 3] });
    expect(values).toEqual([
      [0, 0, 0],
      [1, 1],
    ]);
  });

  test('take unused outputs of an operator for zeros', async () => {
    const graph = new Graph('outputs');
    const x = graph.input('x', 'float32', [6]);
    const [, middle] = split(x, [1, 3, 2], 0);
    const [values] = await valuesOf(gradients(reduceSum(mul(middle!, 5)), [x]), { x: [1, 2, 3, 4, 5, 6] });
    expect(values).toEqual([0, 5, 5, 5, 0, 0]);
  });

  test('of parts without elements are zeros', async () => {
    const graph = new Graph('empty');
    const x = graph.input('x', 'float32', [3]);
    const parts = [slice(x, { 0: [2, 1] }), split(x, [0, 3], 0)[0]!, pad(x, [-1, -2])];
    const results = parts.flatMap((part) => gradients(reduceSum(part), [x]));
    const values = await valuesOf(results, { x: [1, 2, 3] });
    expect(values).toEqual(parts.map(() => [0, 0, 0]));
  });

  test('of the mean of a batch norm alone spread it evenly', async () => {
    const graph = new Graph('mean');
    const x = graph.input('x', 'float32', [4, 2]);
    const c = (name: string) => graph.input(name, 'float32', [2]);
    const { mean } = batchNormTraining(x, c('scale'), c('bias'), 1e-5);
    const feeds = { x: [1, 2, 3, 4, 5, 6, 7, 8], scale: [1, 1], bias: [0, 0] };
    const [values] = await valuesOf(gradients(reduceSum(mean), [x]), feeds);
    expect(values).toEqual(Array.from({ length: 8 }, () => 0.25));
  });

  test('of a product are those of its factors, of none or of as many as a symbol says', async () => {
    const graph = new Graph('products');
    const x = graph.input('x', 'float32', ['N', 2]);
    const [values] = await valuesOf(gradients(reduceSum(reduceProd(x, [0])), [x]), { x: [1, 2, 3, 4] });
    expect(values).toEqual([3, 4, 1, 2]);
    const none = new Graph('none').input('x', 'float32', [2, 0]);
    expect(gradients(reduceSum(reduceProd(none, [1])), [none])[0]!.shape).toEqual([2, 0]);
  });

  test('bear the place of the node they belong to', () => {
    const graph = new Graph('places');
    const x = graph.input('x', 'float32', [2]);
    const y = graph.scope('generator', () => graph.scope('block1', () => exp(x)));
    const loss = graph.scope('loss', () => reduceSum(y));
    const before = graph.nodes.length;
    gradients(loss, [x]);
    expect([...new Set(graph.nodes.slice(before).map(({ scope }) => scope))]).toEqual([
      'gradient/loss',
      'gradient/generator/block1',
    ]);
  });

  test('are refused through a loop, by name', () => {
    const graph = new Graph('refused');
    const x = graph.input('x', 'float32', [2]);
    const body = doubling(graph, [2]);
    const [y] = graph.scope('training', () => loop(graph.scalar(3, 'int64'), body, [x]));
    expect(() => gradients(reduceSum(y!), [x])).toThrow(
      'Loop: has no gradient: a loop is a training program, not a network (at training)',
    );
    // What does not go through it is not concerned.
    expect(gradients(reduceSum(add(y!, x)), [x], { constants: [y!] })).toHaveLength(1);
  });

  test('are refused through a loop whose body takes the value from around it', () => {
    const graph = new Graph('captured');
    const [w, x] = [graph.input('w', 'float32', [2]), graph.input('x', 'float32', [2])];
    const body = new Graph('body', graph);
    body.input('iteration', 'int64', []);
    body.output('condition', body.input('condition', 'bool', []));
    body.output('next', mul(body.input('carried', 'float32', [2]), w));
    const [y] = loop(graph.scalar(3, 'int64'), body, [x]);
    expect(() => gradients(reduceSum(y!), [w])).toThrow('Loop: has no gradient');
  });

  test('inside a loop body reach the values around it', async () => {
    const graph = new Graph('outer');
    const x = graph.input('x', 'float32', [2]);
    const y = square(x);
    const body = new Graph('body', graph);
    body.input('iteration', 'int64', []);
    const condition = body.input('condition', 'bool', []);
    const carried = body.input('carried', 'float32', [2]);
    const [dx] = gradients(reduceSum(mul(y, carried)), [x]);
    body.output('condition', identity(condition));
    body.output('next', add(carried, dx!));
    const [last] = loop(graph.scalar(2, 'int64'), body, [graph.input('start', 'float32', [2])]);
    // d(x^2 c)/dx = 2 x c: c grows by the factor 1 + 2 x in each of two rounds.
    const [values] = await valuesOf([last!], { x: [1, 0.5], start: [1, 2] });
    expect(values).toEqual([9, 8]);
  });
});

/** A loop body that doubles what it carries. */
function doubling(parent: Graph, shape: readonly number[]): Graph {
  const body = new Graph('body', parent);
  body.input('iteration', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const carried = body.input('carried', 'float32', shape);
  body.output('condition', identity(condition));
  body.output('next', mul(carried, 2));
  return body;
}

describe('a gradient of a gradient', () => {
  test('of x^4 is 12 x^2, and once more 24 x', async () => {
    const graph = new Graph('powers');
    const x = graph.input('x', 'float32', [3]);
    const derivativeOf = (y: Value) => gradients(reduceSum(y), [x])[0]!;
    const second = derivativeOf(derivativeOf(square(square(x))));
    const values = await valuesOf([second, derivativeOf(second)], { x: [1, 2, -3] });
    expect(values).toEqual([
      [12, 48, 108],
      [24, 48, -72],
    ]);
  });

  test.each(['portable', 'cpu'] as const)(
    'the R1 penalty of a convolutional discriminator, %s',
    async (target) => {
      const graph = new Graph('r1');
      const x = graph.input('x', 'float32', [2, 2, 6, 6]);
      const parameters = (
        [
          ['w1', [4, 2, 4, 4]],
          ['b1', [4]],
          ['w2', [3, 4, 3, 3]],
          ['w3', [27, 1]],
        ] as const
      ).map(([name, shape]) => graph.input(name, 'float32', shape));
      const [w1, b1, w2, w3] = parameters as [Value, Value, Value, Value];
      const hidden1 = conv(x, w1, { stride: 2, pad: 1 }, b1);
      const hidden2 = conv(leakyRelu(hidden1), w2, { pad: 1 });
      const logits = matmul(reshape(leakyRelu(hidden2), [2, 27]), w3);
      const [slope] = gradients(reduceSum(logits), [x]);
      const penalty = reduceSum(square(slope!));
      const results = gradients(penalty, parameters);
      graph.output('slope', slope!);
      graph.output('hidden1', hidden1);
      graph.output('hidden2', hidden2);
      results.forEach((gradient, i) => {
        graph.output(`gradient${i}`, gradient);
      });

      const feeds = Object.fromEntries(
        graph.inputs.map(({ name, shape }, i) => [name!, direction(sizeOf(shape), 900 + i)]),
      );
      // Half of the smallest unit that these inputs can make of a sum: none is 0.
      feeds.b1 = feeds.b1!.map((value) => value + 1 / 128);
      const model = await Model.load(graph, target);
      try {
        const base = await model.run(feeds);
        const step = 1 / 2048;
        for (const [i, { name }] of parameters.entries()) {
          const d = direction(feeds[name!]!.length, 950 + i);
          const penalties: number[] = [];
          for (const t of stencil(step)) {
            const seen = await model.run({ ...feeds, [name!]: moved(feeds[name!]!, d, t) });
            penalties.push(dot(seen.slope!, seen.slope!));
            // No unit may pass its kink on the way: the penalty jumps there.
            for (const hidden of ['hidden1', 'hidden2'])
              expect(Array.from(seen[hidden]!, Math.sign)).toEqual(Array.from(base[hidden]!, Math.sign));
          }
          const gradient = base[`gradient${i}`]!;
          const scale = spread(gradient, d);
          const rounding = (2 ** -23 * spread(base.slope!, base.slope!)) / step;
          const error = Math.abs(derivative(penalties, step) - dot(gradient, d));
          expect(error).toBeLessThanOrEqual(1e-3 * scale + rounding);
          // The bias moves no mask, so the penalty does not depend on it.
          expect(scale > 50 * rounding).toBe(name !== 'b1');
        }
      } finally {
        await model.release();
      }
    },
  );

  test('a difference that cancels has gradient zero everywhere', async () => {
    const graph = new Graph('cancel');
    const x = graph.input('x', 'float32', [2]);
    const [dx] = gradients(reduceSum(sub(square(x), mul(x, x))), [x]);
    const [values] = await valuesOf([dx!], { x: [3, -4] });
    expect(values).toEqual([0, 0]);
  });
});
