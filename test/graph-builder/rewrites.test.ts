import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { emit, Graph } from '../../graph-builder/graph.ts';
import { leakyRelu, sigmoid, tanh } from '../../graph-builder/ops/activation.ts';
import { Loop, loop } from '../../graph-builder/ops/control.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { add, Exp, exp, Mul, mul, sub } from '../../graph-builder/ops/elementwise.ts';
import { matmul } from '../../graph-builder/ops/matmul.ts';
import { concat, reshape, slice, transpose } from '../../graph-builder/ops/movement.ts';
import { batchNormTraining, softmax } from '../../graph-builder/ops/normalization.ts';
import { averagePool } from '../../graph-builder/ops/pooling.ts';
import { reduceMean, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { print } from '../../graph-builder/print.ts';
import { computeLate } from '../../graph-builder/rewrites/compute-late.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { lower } from '../../graph-builder/rewrites/lower.ts';
import { mergeDuplicates } from '../../graph-builder/rewrites/merge-duplicates.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { bodyIn, bodyOf } from './loop-bodies.ts';
import { difference, evaluate, feedsOf, types } from './model.ts';

describe('removeDead', () => {
  test('keeps what outputs need and every input, drops the rest', () => {
    const graph = new Graph('dead');
    const x = graph.input('x', 'float32', [2]);
    graph.input('unused', 'float32', [2]);
    const y = exp(x);
    tanh(sigmoid(y));
    graph.output('y', mul(y, 2));
    const result = removeDead(graph);
    verify(result);
    expect(types(result)).toEqual(['Exp', 'Mul']);
    expect(result.inputs.map(({ name }) => name)).toEqual(['x', 'unused']);
    // The old graph is as it was.
    expect(types(graph)).toEqual(['Exp', 'Sigmoid', 'Tanh', 'Mul']);
  });

  test('works inside loop bodies, and keeps outer values that only they read', () => {
    const graph = new Graph('loops');
    const x = graph.input('x', 'float32', [2]);
    const read = exp(x);
    const unread = sigmoid(x);
    const body = bodyIn(graph, [2], (_, carried) => {
      tanh(add(carried, unread));
      return mul(carried, read);
    });
    graph.output('y', loop(graph.scalar(2, 'int64'), body, [x])[0]!);
    const result = removeDead(graph);
    verify(result);
    expect(types(result)).toEqual(['Exp', 'Loop']);
    expect(types(bodyOf(result))).toEqual(['Identity', 'Mul']);
  });

  test('drops a loop that nobody needs with all it reads', () => {
    const graph = new Graph('dead-loop');
    const x = graph.input('x', 'float32', [2]);
    const read = exp(x);
    loop(
      graph.scalar(2, 'int64'),
      bodyIn(graph, [2], (_, carried) => mul(carried, read)),
      [x],
    );
    graph.output('y', sigmoid(x));
    expect(types(removeDead(graph))).toEqual(['Sigmoid']);
  });
});

describe('mergeDuplicates', () => {
  test('makes one of equal nodes, and then of those on them', () => {
    const graph = new Graph('twins');
    const x = graph.input('x', 'float32', [2, 2]);
    graph.output('y', add(mul(exp(x), 2), mul(exp(x), 2)));
    const result = mergeDuplicates(graph);
    verify(result);
    expect(types(result)).toEqual(['Exp', 'Mul', 'Add']);
    const [a, b] = result.nodes[2]!.inputs;
    expect(a).toBe(b);
  });

  test('tells attributes, inputs and their order apart', () => {
    const graph = new Graph('strangers');
    const [x, z] = [graph.input('x', 'float32', [2, 2]), graph.input('z', 'float32', [2, 2])];
    const parts = [
      leakyRelu(x, 0.1),
      leakyRelu(x, 0.2),
      sub(x, z),
      sub(z, x),
      softmax(x, 0),
      softmax(x, 1),
      transpose(x, [1, 0]),
      mul(x, 0.1),
      mul(x, -0.1),
    ];
    graph.output('y', concat(parts, 0));
    expect(types(mergeDuplicates(graph))).toHaveLength(parts.length + 1);
  });

  test('keeps what a loop body computes inside of it', async () => {
    const graph = new Graph('scopes');
    const x = graph.input('x', 'float32', [2]);
    // The body computes exp(x) for itself, before the graph around it does.
    const body = bodyIn(graph, [2], (inner, carried) => mul(carried, emit(Exp, [x], {}, inner)[0]!));
    const [y] = loop(graph.scalar(2, 'int64'), body, [x]);
    graph.output('y', add(y!, exp(x)));
    const result = mergeDuplicates(graph);
    verify(result);
    expect(types(result)).toEqual(['Loop', 'Exp', 'Add']);
    const values = (await evaluate(result, { x: [0, 1] })).y!;
    expect(values[0]).toBe(1);
    expect(values[1]).toBeCloseTo(Math.E ** 2 + Math.E, 5);
  });

  test('leaves loops with equal bodies alone', () => {
    const graph = new Graph('loops');
    const x = graph.input('x', 'float32', [2]);
    const once = () =>
      loop(
        graph.scalar(2, 'int64'),
        bodyIn(graph, [2], (_, c) => mul(c, c)),
        [x],
      )[0]!;
    graph.output('y', add(once(), once()));
    const result = mergeDuplicates(graph);
    verify(result);
    expect(types(result)).toEqual(['Loop', 'Loop', 'Add']);
  });
});

describe('lower', () => {
  test('leaves ONNX operators only, also in loop bodies', () => {
    const graph = new Graph('lowered');
    const x = graph.input('x', 'float32', [2]);
    const body = bodyIn(graph, [2], (_, carried) => {
      const loss = reduceSum(leakyRelu(mul(carried, x), 0.1));
      return sub(carried, gradients(loss, [carried])[0]!);
    });
    graph.output('y', loop(graph.scalar(3, 'int64'), body, [x])[0]!);
    expect(types(bodyOf(graph))).toContain('LeakyReluGradient');
    const result = lower(graph, 'portable');
    verify(result);
    expect(types(bodyOf(result))).not.toContain('LeakyReluGradient');
  });
});

/** One training step of a small convolutional network, by its loss. */
function network(): Graph {
  const graph = new Graph('network');
  const x = graph.input('x', 'float32', [2, 2, 6, 6]);
  const w1 = graph.input('w1', 'float32', [4, 2, 4, 4]);
  const scale = graph.input('scale', 'float32', [4]);
  const bias = graph.input('bias', 'float32', [4]);
  const w2 = graph.input('w2', 'float32', [4, 3, 3, 3]);
  const w3 = graph.input('w3', 'float32', [27, 2]);
  const down = graph.scope('down', () => conv(x, w1, { stride: 2, pad: 1 }));
  const { y, mean, variance } = batchNormTraining(down, scale, bias, 1e-3);
  const up = graph.scope('up', () =>
    convTranspose(leakyRelu(y), w2, { stride: 2, pad: 1, outputPadding: 1 }),
  );
  const pooled = averagePool(tanh(up), 2);
  const logits = matmul(reshape(pooled, [2, 27]), w3);
  const loss = reduceMean(mul(softmax(logits), slice(logits, { 1: [1, -3, -1] })));
  gradients(loss, [w1, scale, bias, w2, w3, x]).forEach((gradient, i) => {
    graph.output(`gradient${i}`, gradient);
  });
  for (const [name, value] of Object.entries({ loss, mean, variance })) graph.output(name, value);
  return graph;
}

/** A loop that trains: carries an image and a weight, both used in convolutions. */
function training(): Graph {
  const graph = new Graph('training');
  const x = graph.input('x', 'float32', [2, 2, 5, 5]);
  const w = graph.input('w', 'float32', [3, 2, 3, 3]);
  const b = graph.input('b', 'float32', [3]);
  const body = bodyIn(graph, [3, 2, 3, 3], (_, carried) => {
    const y = leakyRelu(conv(x, carried, { stride: 2, pad: 1 }, b));
    const [dw] = gradients(reduceMean(mul(y, y)), [carried]);
    return sub(carried, mul(dw!, 0.125));
  });
  graph.output('w', loop(graph.scalar(3, 'int64'), body, [w])[0]!);
  return graph;
}

/** A convolution and its gradients on a batch whose im2col is worked on in three parts, the last a smaller one. */
function largeBatch(): Graph {
  const graph = new Graph('large-batch');
  const x = graph.input('x', 'float32', [5, 32, 64, 64]);
  const w1 = graph.input('w1', 'float32', [2, 32, 4, 4]);
  const w2 = graph.input('w2', 'float32', [2, 32, 4, 4]);
  const bias = graph.input('bias', 'float32', [32]);
  const y = leakyRelu(conv(x, w1, { stride: 2, pad: 1 }));
  const up = convTranspose(y, w2, { stride: 2, pad: 1 }, bias);
  const loss = reduceMean(mul(up, up));
  gradients(loss, [w1, w2, bias]).forEach((gradient, i) => {
    graph.output(`gradient${i}`, gradient);
  });
  graph.output('loss', loss);
  return graph;
}

describe('compile', () => {
  test.each([
    ['network', network],
    ['large batch', largeBatch],
    ['training loop', () => renamed(training())],
  ] as const)('computes the same for every target: %s', async (_, build) => {
    const graph = build();
    const feeds = feedsOf(graph);
    const expected = await evaluate(lower(graph, 'portable'), feeds);
    for (const target of ['portable', 'cpu', 'cuda'] as const) {
      const compiled = compile(build(), target);
      verify(compiled);
      expect(difference(await evaluate(compiled, feeds), expected)).toBeLessThan(2e-6);
    }
  });

  test.each([
    // 64 samples of 1.1 MB, in parts of 4 MB.
    [128, 128, 32, 22],
    // 64 samples of .14 MB, in parts of four times the weights of 1.1 MB.
    [256, 128, 8, 2],
    // And of 4.5 MB: all at once.
    [256, 512, 8, 1],
  ])(
    'works on a convolution from %i to %i channels of size %i in %i parts on the CPU',
    (input, output, size, parts) => {
      const graph = new Graph('conv');
      const x = graph.input('x', 'float32', [64, input, size, size]);
      const w = graph.input('w', 'float32', [output, input, 3, 3]);
      graph.output('y', conv(x, w, { stride: 2, pad: 1 }));
      const products = types(compile(graph, 'cpu')).filter((type) => /^(MatMul|Gemm)$/.test(type));
      expect(products).toHaveLength(parts);
    },
  );

  test('keeps the signature', () => {
    const graph = network();
    for (const target of ['portable', 'cpu', 'cuda'] as const) {
      const compiled = compile(graph, target);
      const signature = ({ inputs, outputs }: Graph) => [
        ...inputs.map(({ name, dtype, shape }) => [name, dtype, shape]),
        ...outputs.map(({ name, value: { dtype, shape } }) => [name, dtype, shape]),
      ];
      expect(signature(compiled)).toEqual(signature(graph));
    }
  });

  test('is stable: twice is once', () => {
    const once = compile(network(), 'portable');
    expect(print(compile(once, 'portable'))).toBe(print(once));
  });

  test('takes symbolic extents', () => {
    const graph = new Graph('symbols');
    const x = graph.input('x', 'float32', ['N', 3, 4, 4]);
    const w = graph.input('w', 'float32', [2, 3, 3, 3]);
    graph.output('y', conv(x, w, { pad: 1 }));
    graph.output('sums', reduceSum(x, [0, 2, 3]));
    for (const target of ['portable', 'cpu', 'cuda'] as const) verify(compile(graph, target));
  });

  test('keeps the condition of a loop', () => {
    const graph = new Graph('condition');
    const x = graph.input('x', 'float32', [2]);
    const condition = graph.input('go', 'bool', []);
    const body = bodyIn(graph, [2], (_, carried) => mul(carried, 2));
    graph.output('y', emit(Loop, [graph.scalar(3, 'int64'), condition, x], { body })[0]!);
    for (const target of ['portable', 'cpu', 'cuda'] as const)
      expect(compile(graph, target).nodes.at(-1)!.inputs[1]?.name).toBe('go');
  });
});

/** The graph with its outputs under names of their own. */
function renamed(graph: Graph): Graph {
  graph.outputs.forEach(({ value }, i) => {
    graph.outputs[i] = { name: `out${i}`, value };
  });
  return graph;
}

describe('computeLate', () => {
  test('puts a loop after what its body reads', () => {
    const graph = new Graph('late-loop');
    const x = graph.input('x', 'float32', [2]);
    const read = exp(tanh(x));
    const body = bodyIn(graph, [2], (_, carried) => mul(carried, read));
    graph.output('y', loop(graph.scalar(2, 'int64'), body, [x])[0]!);
    const result = computeLate(graph);
    verify(result);
    expect(types(result)).toEqual(['Tanh', 'Exp', 'Loop']);
  });
});

describe('transform', () => {
  test('that copies every node changes nothing', async () => {
    for (const graph of [network(), renamed(training())]) {
      const copy = transform(graph, (_node, _inputs, { copy }) => copy());
      verify(copy);
      expect(print(copy)).toBe(print(graph));
    }
    const graph = lower(network(), 'portable');
    const copy = transform(graph, (_node, _inputs, { copy }) => copy());
    const feeds = feedsOf(graph);
    expect(difference(await evaluate(copy, feeds), await evaluate(graph, feeds))).toBe(0);
  });

  test('hands inputs that were rewritten to the nodes after', async () => {
    const graph = new Graph('rewritten');
    const x = graph.input('x', 'float32', [2]);
    graph.output('y', exp(mul(x, x)));
    const result = transform(graph, (node, inputs, { copy }) =>
      node.op === (Mul as unknown) ? [add(inputs[0]!, 1)] : copy(),
    );
    verify(result);
    expect(Array.from((await evaluate(result, { x: [-1, -1] })).y!)).toEqual([1, 1]);
  });

  test('keeps names, places and large integers', () => {
    const graph = new Graph('names');
    const x = graph.input('x', 'int64', [2]);
    const large = graph.constant({ dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 60n + 1n) });
    const y = graph.scope('block', () => add(mul(x, large), graph.constant(tensor('int64', [1, 2]), 'pair')));
    y.name = 'sum';
    graph.output('y', y);
    const result = transform(graph, (_node, _inputs, { copy }) => copy());
    const [product, sum] = result.nodes;
    expect(product!.inputs[1]!.constant!.data[0]).toBe(2n ** 60n + 1n);
    expect(sum!.inputs[1]!.name).toBe('pair');
    expect([sum!.scope, sum!.outputs[0]!.name]).toEqual(['block', 'sum']);
  });

  test('keeps the bits of half-precision scalars', () => {
    const graph = new Graph('halves');
    const x = graph.input('x', 'float16', [2]);
    graph.output('y', mul(x, 1.5));
    const result = transform(graph, (_node, _inputs, { copy }) => copy());
    expect(result.nodes[0]!.inputs[1]!.constant!.data).toEqual(Uint16Array.of(0x3e00));
  });

  test('refuses a graph that uses a value before it is computed', () => {
    const graph = new Graph('unordered');
    const x = graph.input('x', 'float32', [2]);
    graph.output('y', exp(exp(x)));
    graph.nodes.reverse();
    expect(() => transform(graph, (_node, _inputs, { copy }) => copy())).toThrow(
      'is used before it is computed',
    );
  });
});

test('a graph prints as text', () => {
  const graph = new Graph('main');
  const x = graph.input('x', 'float32', ['N', 4]);
  const w = graph.constant(tensor('float32', new Float32Array(8), [4, 2]), 'w');
  const y = graph.scope('head', () => leakyRelu(matmul(x, w), 0.25));
  const body = bodyIn(graph, [1], (_, carried) => add(carried, 0.5));
  const [z] = loop(graph.scalar(2, 'int64'), body, [graph.constant(tensor('float32', [1]))]);
  graph.output('y', slice(y, { 1: [0, 1] }));
  graph.output('z', z!);
  expect(`\n${print(graph)}`).toBe(`
main(x: float32[N, 4])
  %2: float32[N, 2] = MatMul(x, const float32[4, 2])  # head
  %3: float32[N, 2] = LeakyRelu(%2) alpha=0.25  # head
  %12: float32[1] = Loop(int64(2), _, float32(1)) body=
    body(iteration: int64[], condition: bool[], carried: float32[1])
      %9: bool[] = Identity(condition)
      %11: float32[1] = Add(carried, float32(0.5))
      return condition=%9, next=%11

  %13: float32[N, 1] = Slice(%3) axes=[1] starts=[0] ends=[1] steps=[1]
  return y=%13, z=%12
`);
});
