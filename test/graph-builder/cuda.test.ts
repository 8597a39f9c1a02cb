import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { gradients } from '../../graph-builder/autodiff.ts';
import { emit, Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { leakyRelu } from '../../graph-builder/ops/activation.ts';
import { conv } from '../../graph-builder/ops/convolution.ts';
import type { ConvAttributes } from '../../graph-builder/ops/convolution.ts';
import { ConvChannelsLast, GatherOrZero } from '../../graph-builder/ops/cuda.ts';
import { add, min, mul } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { Gemm, MatMul, matmul } from '../../graph-builder/ops/matmul.ts';
import { expand, reshape, slice, transpose } from '../../graph-builder/ops/movement.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { reduceMean, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { useCudaForms } from '../../graph-builder/rewrites/cuda-forms.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { verify } from '../../graph-builder/verify.ts';
import { ownOperatorInputs, ownOperatorsGraph } from '../../training/device/cuda/own-operators.ts';
import { trainingModels } from '../../training/models.ts';
import { dcgan, images, recipeOf } from '../parity/recipes.ts';
import { bodyOf } from './loop-bodies.ts';
import { count, evaluate, feedsOf, types } from './model.ts';

// What a graph compiled for CUDA is made of. That it computes the same is tested with the other targets: by gradients,
// by rewrites and against PyTorch, with the operators that only CUDA has in ONNX's terms.

const program = buildProgram(recipeOf({ ...dcgan, filters: 4 }), images(3, 32));

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
