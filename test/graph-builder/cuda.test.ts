import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { gradients } from '../../graph-builder/autodiff.ts';
import { emit, Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { leakyRelu } from '../../graph-builder/ops/activation.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import type { ConvAttributes } from '../../graph-builder/ops/convolution.ts';
import { ConvChannelsLast, GatherOrZero } from '../../graph-builder/ops/cuda.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { add, cast, min, mul } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { Gemm, MatMul, matmul } from '../../graph-builder/ops/matmul.ts';
import { concat, expand, reshape, slice, split, transpose } from '../../graph-builder/ops/movement.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { reduceMean, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { carryJoined } from '../../graph-builder/rewrites/carry-joined.ts';
import { partsOf } from '../../graph-builder/rewrites/conv-geometry.ts';
import { ConvOnCuda } from '../../graph-builder/rewrites/conv-on-cuda.ts';
import { useCudaForms } from '../../graph-builder/rewrites/cuda-forms.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { mixedPrecision } from '../../graph-builder/rewrites/mixed-precision.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { ownOperatorInputs, ownOperatorsGraph } from '../../training/device/cuda/own-operators.ts';
import { trainingModels } from '../../training/models.ts';
import { dcgan, images, recipeOf } from '../parity/recipes.ts';
import { evaluate, feedsOf, types } from './model.ts';

// What a graph compiled for CUDA is made of. That it computes the same is tested with the other targets: by gradients,
// by rewrites and against PyTorch, with the operators that only CUDA has in ONNX's terms.

const program = buildProgram(recipeOf({ ...dcgan, filters: 4 }), images(3, 32));
const bodyOf = (graph: Graph): Graph => {
  const bodies = graph.nodes.flatMap(({ attributes: { body } }) => (body instanceof Graph ? [body] : []));
  expect(bodies.length).toBe(1);
  return bodies[0]!;
};
const count = (graph: Graph, type: string) => types(graph).filter((each) => each === type).length;

describe('a training loop for CUDA', () => {
  const compiled = compile(program.loopGraph(), 'cuda');
  const body = bodyOf(compiled);

  test('has convolutions of cuDNN where images have many channels, and products where they have three', () => {
    verify(compiled);
    expect([count(body, 'Conv'), count(body, 'ConvTranspose')]).toEqual([0, 0]);
    expect(count(body, 'ConvChannelsLast')).toBeGreaterThan(0);
    expect(count(body, 'ConvTransposeChannelsLast')).toBeGreaterThan(0);
    const narrow = body.nodes.filter(
      ({ op, inputs: [x] }) => op.type.endsWith('ChannelsLast') && (x!.shape.at(-1) as number) <= 3,
    );
    expect(narrow).toEqual([]);
  });

  test('pads nothing, and moves the axes of no activation between two layers', () => {
    expect([count(body, 'Pad'), count(body, 'Clip')]).toEqual([0, 0]);
    const { batch } = program.recipe;
    const moved = body.nodes.filter(
      ({ op, inputs: [x] }) => op.type === 'Transpose' && x!.shape[0] === batch,
    );
    expect(moved.length).toBeGreaterThan(0);
    // Images on their way in, and the ends at which dense layers stand, of 4 x 4 pixels.
    for (const { inputs } of moved) {
      const [, a, width, b] = inputs[0]!.shape;
      expect(width === 4 || a === 3 || b === 3).toBe(true);
    }
  });

  test('sums channels over leading axes only, for which the provider has a kernel of its own', () => {
    const sums = body.nodes.filter(
      ({ op, inputs: [x], attributes }) =>
        op.type.startsWith('Reduce') && x!.rank === 4 && attributes.axes !== undefined,
    );
    expect(sums.length).toBeGreaterThan(0);
    for (const { attributes } of sums) expect(attributes.axes).toEqual([0, 1, 2]);
  });

  test('is not what is kept for other programs', () => {
    const models = trainingModels(program, { kind: 'cuda', index: 0 });
    const portable = trainingModels(program, { kind: 'cuda', index: 0 }, 'portable');
    expect(models.loop).toEqual(portable.loop);
    expect(models.step).toEqual(portable.step);
    expect(models.engine).not.toEqual(portable.engine);
    const domains = (bytes: Uint8Array) =>
      onnx.ModelProto.decode(bytes).opsetImport.map(({ domain }) => domain);
    expect(domains(models.engine)).toEqual(['', 'com.ms.internal.nhwc']);
    expect(domains(models.loop)).toEqual(['']);
  });

  test('names its operators as the provider does', () => {
    const graph = new Graph('names');
    const x = graph.input('x', 'float32', [1, 8, 4, 4]);
    graph.output('y', conv(x, graph.input('w', 'float32', [2, 8, 3, 3])));
    const { graph: model } = onnx.ModelProto.decode(encodeModel(compile(graph, 'cuda')));
    expect(model!.node!.map(({ domain, opType }) => [domain, opType])).toEqual([
      ['', 'Transpose'],
      ['com.ms.internal.nhwc', 'Conv'],
      ['', 'Transpose'],
    ]);
  });
});

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

describe("the provider's own operators", () => {
  /** What the probe feeds them. */
  const probed = Object.fromEntries(
    Object.entries(ownOperatorInputs).map(([name, shape]) => [
      name,
      Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + i) / 4),
    ]),
  );

  test('are what ONNX says, where they are written in its terms', async () => {
    const graph = ownOperatorsGraph();
    const own = graph.nodes.filter(({ op }) => op.onnx).map(({ op }) => op.type);
    expect(own.sort()).toEqual([
      'BatchNormalizationChannelsLast',
      'ConvChannelsLast',
      'ConvTransposeChannelsLast',
      'GatherOrZero',
    ]);
    const { differences } = await evaluate(graph, feedsOf(graph));
    expect(Array.from(differences!, (value) => value < 1e-6)).toEqual(Array(6).fill(true));
  });

  test('are that in halves too, but for their rounding', async () => {
    const graph = ownOperatorsGraph('float16');
    for (const { op, outputs } of graph.nodes) if (op.onnx) expect(outputs[0]!.dtype).toBe('float16');
    const { differences } = await evaluate(graph, probed);
    // Values are up to a quarter; the probe lets a hundredth pass.
    expect(Array.from(differences!, (value) => value > 1e-6 && value < 5e-3)).toEqual(Array(6).fill(true));
  });

  test('would be found out if they read other weights, rows, lists or no bias', async () => {
    const graph = ownOperatorsGraph('float16');
    const wrong = transform(graph, ({ op, attributes }, inputs, { copy }) => {
      const [x, w] = inputs as readonly Value[];
      if (op.type === GatherOrZero.type) return [gather(x!, min(w!, 119))];
      if (op.type === MatMul.type) {
        const first = slice(w!, { 0: [0, 1] });
        return [matmul(x!, expand(first, w!.shape))];
      }
      if (op.type === Gemm.type && x!.dtype === 'float16') return emit(op, [x, w], attributes);
      if (op.type !== ConvChannelsLast.type) return copy();
      const misread = transpose(reshape(w!, [16, 4, 4, 8]), [0, 3, 1, 2]);
      return [emitOne(ConvChannelsLast, [x!, misread], attributes as unknown as ConvAttributes)];
    });
    const { differences } = await evaluate(wrong, probed);
    // What the probe lets pass: TF32 keeps 10 bits of a factor.
    expect(Array.from(differences!, (value) => value > 0.01)).toEqual([true, false, false, true, true, true]);
  });
});

describe('useCudaForms', () => {
  test('chooses the slope of a leaky ReLU, at 0 the lower one', async () => {
    const graph = new Graph('leaky');
    const x = graph.input('x', 'float32', [5]);
    graph.output('slopes', gradients(reduceSum(leakyRelu(x, 0.2)), [x])[0]!);
    const compiled = compile(graph, 'cuda');
    expect(types(compiled)).toContain('Where');
    const feeds = { x: [-1e-30, -2, 0, 1e-30, 3] };
    const { slopes } = await evaluate(compiled, feeds);
    expect(Array.from(slopes!, (slope) => Number(slope.toFixed(6)))).toEqual([0.2, 0.2, 0.2, 1, 1]);
    expect(await evaluate(graph, feeds, 'portable')).toEqual({ slopes });
  });

  test('scales and shifts channels at once, but not what others read too', () => {
    const graph = new Graph('affine');
    const x = graph.input('x', 'float32', [2, 4, 4, 8]);
    const [a, b] = [graph.input('a', 'float32', [8]), graph.input('b', 'float32', [8])];
    const scaled = mul(x, a);
    graph.output('both', add(scaled, b));
    graph.output('scaled', scaled);
    graph.output('alone', add(mul(x, b), a));
    graph.output('behind', add(add(x, mul(x, b)), a));
    const narrow = graph.input('narrow', 'float32', [2, 4, 4, 1]);
    const one = graph.input('one', 'float32', [1]);
    graph.output('wider', add(add(x, mul(narrow, one)), b));
    expect(types(removeDead(useCudaForms(graph)))).toEqual([
      'Mul',
      'Add',
      'BatchNormalizationChannelsLast',
      'BatchNormalizationChannelsLast',
      'Add',
      'Mul',
      'Add',
      'Add',
    ]);
  });

  test('normalises a batch in one pass over memory less each way', async () => {
    const graph = new Graph('norm');
    const x = graph.input('x', 'float32', [2, 8, 3, 3]);
    const w = graph.input('w', 'float32', [8, 8, 1, 1]);
    const [scale, bias] = [graph.input('scale', 'float32', [8]), graph.input('bias', 'float32', [8])];
    const { y } = batchNormTraining(conv(x, w), scale, bias, 1e-5);
    gradients(reduceMean(mul(y, mul(y, y))), [w, scale, bias]).forEach((gradient, i) => {
      graph.output(`g${i}`, gradient);
    });
    expect(count(compile(graph, 'cuda'), 'BatchNormalizationChannelsLast')).toBe(2);
    const feeds = feedsOf(graph);
    const [ours, portable] = [await evaluate(graph, feeds, 'cuda'), await evaluate(graph, feeds, 'portable')];
    for (const [name, values] of Object.entries(portable))
      Array.from(values).forEach((value, i) => {
        expect(ours[name]![i]).toBeCloseTo(value, 5);
      });
  });
});

describe('carryJoined', () => {
  const before = compile(program.loopGraph(), 'portable');
  const after = carryJoined(before);

  test('joins the moments of the vectors once, before the loop, and parts them after it', () => {
    verify(after);
    const moments = 4;
    const [inside, was] = [bodyOf(after), bodyOf(before)];
    expect(count(was, 'Concat') - count(inside, 'Concat')).toBe(moments);
    expect([count(after, 'Concat'), count(after, 'Split')]).toEqual([moments, moments]);
    expect(inside.inputs.length).toBeLessThan(was.inputs.length);
    expect(inside.outputs.length - inside.inputs.length).toBe(was.outputs.length - was.inputs.length);
  });

  test('leaves alone what is joined in another order, or parted into more', () => {
    for (const [order, parts] of [
      [
        [1, 0],
        [2, 2],
      ],
      [
        [0, 1],
        [2, 2, 2],
      ],
    ] as const) {
      const graph = new Graph('other');
      const initial = [graph.input('p', 'float32', [2]), graph.input('q', 'float32', [2])];
      const body = new Graph('body', graph);
      body.input('iteration', 'int64', []);
      body.input('condition', 'bool', []);
      const carried = initial.map(({ name }) => body.input(`c/${name}`, 'float32', [2]));
      const joined = concat(
        order.map((place) => carried[place]!),
        0,
      );
      const whole = parts.length === 2 ? joined : concat([mul(joined, 2), carried[0]!], 0);
      const pieces = split(whole, parts, 0);
      body.output('continue', body.constant(tensor('bool', [1], [])));
      order.forEach((_, place) => {
        body.output(`next${place}`, pieces[order.indexOf(place as never)]!);
      });
      loop(graph.scalar(2, 'int64'), body, initial).forEach((value, i) => {
        graph.output(`final${i}`, value);
      });
      const result = carryJoined(graph);
      verify(result);
      expect(types(result)).toEqual(['Loop']);
    }
  });

  test('keeps the signature, and leaves a graph without a loop alone', () => {
    const names = ({ inputs, outputs }: Graph) => [...inputs, ...outputs].map(({ name }) => name);
    expect(names(after)).toEqual(names(before));
    const step = compile(program.stepGraph(), 'portable');
    expect(types(carryJoined(step))).toEqual(types(step));
  });
});
