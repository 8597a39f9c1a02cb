import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { leakyRelu } from '../../graph-builder/ops/activation.ts';
import { conv } from '../../graph-builder/ops/convolution.ts';
import { add, mul } from '../../graph-builder/ops/elementwise.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { reduceMean, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { carryJoined } from '../../graph-builder/rewrites/carry-joined.ts';
import { useCudaForms } from '../../graph-builder/rewrites/cuda-forms.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { verify } from '../../graph-builder/verify.ts';
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
    const { batch, network } = program.recipe;
    const moved = body.nodes.filter(
      ({ op, inputs: [x] }) => op.type === 'Transpose' && x!.shape[0] === batch,
    );
    // Images on their way in, and the ends at which dense layers stand.
    for (const { inputs } of moved)
      expect(inputs[0]!.shape.some((extent) => extent === 3 || extent === 4)).toBe(true);
    expect(network.kind).toBe('dcgan');
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
    expect(types(removeDead(useCudaForms(graph)))).toEqual([
      'Mul',
      'Add',
      'BatchNormalizationChannelsLast',
      'BatchNormalizationChannelsLast',
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

  test('keeps the signature, and leaves a graph without a loop alone', () => {
    const names = ({ inputs, outputs }: Graph) => [...inputs, ...outputs].map(({ name }) => name);
    expect(names(after)).toEqual(names(before));
    const step = compile(program.stepGraph(), 'portable');
    expect(types(carryJoined(step))).toEqual(types(step));
  });
});
