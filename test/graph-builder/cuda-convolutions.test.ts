import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { cast } from '../../graph-builder/ops/elementwise.ts';
import { expand, reshape, slice } from '../../graph-builder/ops/movement.ts';
import { reduceSum } from '../../graph-builder/ops/reduction.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { partsOf } from '../../graph-builder/rewrites/conv-geometry.ts';
import { ConvOnCuda } from '../../graph-builder/rewrites/conv-on-cuda.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { mixedPrecision } from '../../graph-builder/rewrites/mixed-precision.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { dcgan, images, recipeOf } from '../parity/recipes.ts';
import { bodyOf } from './loop-bodies.ts';
import { evaluate, feedsOf, types } from './model.ts';

const program = buildProgram(recipeOf({ ...dcgan, filters: 4 }), images(3, 32));

describe('convolutions for CUDA', () => {
  const difference = async (graph: Graph) => {
    const feeds = feedsOf(graph);
    const [ours, right] = [await evaluate(graph, feeds, 'cuda'), await evaluate(graph, feeds, 'portable')];
    return Math.max(
      ...Object.entries(right).flatMap(([name, values]) =>
        Array.from(values, (value, i) => Math.abs(value - ours[name]![i]!)),
      ),
    );
  };

  test('give the provider no constant beside weights that learn: it would take them for moved', async () => {
    const graph = new Graph('frozen');
    const x = graph.input('x', 'float32', [2, 8, 5, 5]);
    const constant = (shape: number[], value: number) =>
      graph.constant(tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)).fill(value), shape));
    const w = graph.input('w', 'float32', [6, 8, 3, 3]);
    graph.output('bias', conv(x, w, { pad: 1 }, constant([6], 0.5)));
    graph.output('image', conv(constant([2, 8, 5, 5], 0.25), w));
    const narrow = graph.input('narrow', 'float32', [8, 3, 4, 4]);
    graph.output('sub-pixels', convTranspose(constant([2, 8, 5, 5], 0.25), narrow, { stride: 2 }));
    // Constant once onnxruntime has loaded the model: an image of one number, as the gradient of a sum is.
    graph.output('one number', conv(expand(constant([1, 1, 1, 1], 0.5), [2, 8, 5, 5]), w));
    const critic = conv(graph.input('real', 'float32', [2, 3, 8, 8]), narrow, { stride: 2, pad: 1 });
    graph.output('gradient', gradients(reduceSum(critic), [critic.node!.inputs[0]!])[0]!);
    const own = compile(graph, 'cuda').nodes.filter(({ op }) => op.onnx?.domain !== undefined);
    expect(own.map(({ inputs: [image] }) => image!.node?.inputs[0]!.name)).toEqual(['x']);
    expect(own.map(({ inputs }) => inputs.some((input) => input?.constant))).toEqual([false]);
    expect(await difference(graph)).toBeLessThan(1e-5);
  });

  test('are left to the provider with pads that are the same on both sides only', async () => {
    const graph = new Graph('pads');
    const x = graph.input('x', 'float32', [2, 8, 6, 6]);
    const w = graph.input('w', 'float32', [6, 8, 3, 3]);
    const even = conv(x, w, { pad: 1 });
    const uneven = conv(x, w, { pad: [0, 0, 1, 1] });
    graph.output('even', even);
    graph.output('uneven', uneven);
    const wide = convTranspose(even, w, { stride: 2, pad: 1, outputPadding: 1 });
    graph.output('wide', wide);
    const own = compile(graph, 'cuda').nodes.filter(({ op }) => op.onnx?.domain !== undefined);
    expect(own.map(({ op }) => op.type)).toEqual(['ConvChannelsLast']);
    expect(await difference(graph)).toBeLessThan(1e-5);
  });

  /** The large side of these sends to y [2, O, height, width] with weights [O, C, ...]. */
  const narrow = (
    dtype: 'float32' | 'float16',
    [o, c, ...kernel]: readonly [number, number, number, number],
    options: Parameters<typeof convTranspose>[2],
  ) => {
    const graph = new Graph('narrow');
    const halves = (value: Value) => cast(value, dtype);
    const y = halves(graph.input('y', 'float32', [2, o, 4, 3]));
    const w = halves(graph.input('w', 'float32', [o, c, ...kernel]));
    graph.output('x', cast(convTranspose(y, w, options), 'float32'));
    return graph;
  };

  // Sums of eighths times eighths, so few that they are exact in halves too, in any order.
  test.each(
    (
      [
        [[8, 3, 4, 4], { stride: 2, pad: 1 }],
        [[8, 3, 4, 4], { stride: 2, pad: [0, 1, 3, 2] }],
        [[4, 3, 4, 4], { stride: 2, pad: 1, outputPadding: [1, 0] }],
        [[4, 1, 2, 2], { stride: 2, outputPadding: [0, 1] }],
        [[4, 4, 6, 3], { stride: 3, pad: 1, outputPadding: 2 }],
        [[4, 2, 6, 4], { stride: 2, pad: [3, 2, 3, 2] }],
        [[4, 2, 3, 4], { stride: [1, 2], pad: [0, 1, 0, 1] }],
        [[4, 4, 3, 2], { pad: [1, 0, 1, 1] }],
        [[8, 5, 4, 4], { stride: 2, pad: [1, 0, 1, 1] }],
      ] as const
    ).flatMap(([w, options]) => (['float32', 'float16'] as const).map((dtype) => ({ dtype, w, options }))),
  )(
    'to few channels or unevenly padded are sub-pixels of one: $dtype, $w, $options',
    async ({ dtype, w, options }) => {
      const graph = narrow(dtype, w, options);
      const own = types(compile(graph, 'cuda')).filter((type) => /Conv|Gemm|OrZero/.test(type));
      expect(own).toEqual(['ConvChannelsLast', 'GatherOrZero']);
      expect(await difference(graph)).toBe(0);
    },
  );

  test.each([
    ['a kernel that is no multiple of the stride', [8, 3, 4, 3], { stride: 2 }],
    ['dilated', [8, 3, 4, 4], { stride: 2, dilation: [1, 2] }],
    ['a block whose channels do not come in fours', [8, 3, 3, 3], { stride: 1 }],
    ['an image whose channels do not', [6, 3, 4, 4], { stride: 2 }],
  ] as const)('to few channels have no sub-pixels: %s', async (_, w, options) => {
    const graph = narrow('float32', w, options);
    const own = types(compile(graph, 'cuda')).filter((type) => /Conv|Gemm/.test(type));
    expect(own).toEqual(['Gemm']);
    expect(await difference(graph)).toBe(0);
  });

  test('send gradients to few channels in halves, in the loop of a training', () => {
    const images = program.recipe.batch;
    const loop = bodyOf(compile(mixedPrecision(program.loopGraph(), 1), 'cuda'));
    const blocks = loop.nodes.filter(
      ({ op, outputs: [y] }) => op.type === 'ConvChannelsLast' && y!.shape.at(-1) === 12,
    );
    expect(blocks.map(({ outputs: [y] }) => [y!.dtype, y!.shape[0]])).toEqual([
      ['float16', images],
      ['float16', images],
    ]);
  });

  test('work on parts of a batch whose im2col has more elements than the kernel can count', () => {
    const graph = new Graph('large');
    const x = graph.input('x', 'float32', [2048, 64, 64, 64]);
    const w = graph.input('w', 'float32', [128, 64, 4, 4]);
    graph.output('dw', gradients(reduceSum(conv(x, w, { stride: 2, pad: 1 })), [w])[0]!);
    const gathers = compile(graph, 'cuda').nodes.filter(({ op }) => op.type === 'GatherOrZero');
    expect(gathers.length).toBe(4);
    for (const { outputs } of gathers) expect(sizeOf(outputs[0]!.shape)).toBeLessThanOrEqual(2 ** 29);
  });

  test('gather rows beyond the wanted ones where the kernel would leave the last unwritten', async () => {
    // 2^24 + 1 elements, of which float32 counts 2^24.
    const shape = [673, 1, 97, 257];
    const count = sizeOf(shape);
    const graph = new Graph('counted');
    const x = expand(graph.input('x', 'float32', [1, 1, 1, 257]), shape);
    const y = conv(x, graph.input('w', 'float32', [1, 1, 1, 1]));
    graph.output('last', slice(reshape(y, [count]), { 0: [count - 4, count] }));
    const compiled = compile(graph, 'cuda');
    const gathers = compiled.nodes.filter(({ op }) => op.type === 'GatherOrZero');
    expect(gathers.map(({ outputs }) => sizeOf(outputs[0]!.shape))).toEqual([count + 1]);
    const feeds = { x: Array.from({ length: 257 }, (_, i) => i), w: [2] };
    expect(await evaluate(compiled, feeds)).toEqual({ last: Float64Array.of(506, 508, 510, 512) });
  });

  test('in parts are what they are as a whole', async () => {
    const [batch, image, kernel] = [5, [6, 6, 3], [3, 3]] as const;
    const geometry = {
      batch,
      large: image,
      small: [4, 4, 2],
      kernel,
      stride: [1, 1],
      dilation: [1, 1],
      before: [0, 0],
    } as const;
    expect(partsOf(geometry, 4 * 27 * 16 * 2).map(({ first }) => first)).toEqual([0, 2, 4]);
    const graph = new Graph('parts');
    const x = graph.input('x', 'float32', [batch, ...image]);
    const dy = graph.input('dy', 'float32', [batch, 4, 4, 2]);
    const w = graph.input('w', 'float32', [2, 3, 3, 3]);
    for (const bytes of [4 * 27 * 16 * 2, 2 ** 20]) {
      const products = new ConvOnCuda(bytes);
      graph.output(`y ${bytes}`, products.forward(x, w, geometry));
      graph.output(`dw ${bytes}`, products.weightGradient(x, dy, geometry));
    }
    const results = Object.values(await evaluate(graph, feedsOf(graph)));
    for (const [i, whole] of results.slice(2).entries())
      Array.from(whole).forEach((value, at) => {
        expect(results[i]![at]).toBeCloseTo(value, 4);
      });
  });

  test('have tables of their own in a loop and behind it', () => {
    const graph = new Graph('twice');
    const x = graph.input('x', 'float32', [2, 3, 6, 6]);
    const w = graph.input('w', 'float32', [3, 3, 3, 3]);
    const body = new Graph('body', graph);
    body.input('iteration', 'int64', []);
    body.input('condition', 'bool', []);
    const carried = body.input('carried', 'float32', [2, 3, 6, 6]);
    body.output('continue', body.constant(tensor('bool', [1], [])));
    body.output('next', conv(carried, w, { pad: 1 }));
    const [last] = loop(graph.scalar(2, 'int64'), body, [x]);
    graph.output('y', conv(last!, w, { pad: 1 }));
    for (const target of ['cuda', 'cpu', 'portable'] as const) verify(compile(graph, target));
  });

  test('give zeros to pixels that no tap meets', async () => {
    const graph = new Graph('missed');
    const x = graph.input('x', 'float32', [2, 3, 1, 1]);
    const w = graph.input('w', 'float32', [5, 3, 1, 1]);
    graph.output('dx', gradients(reduceSum(conv(x, w, { stride: 4, pad: 2 })), [x])[0]!);
    for (const target of ['cuda', 'cpu'] as const)
      expect(await evaluate(graph, feedsOf(graph), target)).toEqual({ dx: new Float64Array(6) });
  });
});
