import { describe, expect, test } from 'vitest';
import type { Device } from '../../artifacts/device.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Node, Value } from '../../graph-builder/graph.ts';
import { normals } from '../../graph-builder/hash.ts';
import { leakyRelu, tanh } from '../../graph-builder/ops/activation.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { add, exp, mul } from '../../graph-builder/ops/elementwise.ts';
import { concat, reshape, transpose } from '../../graph-builder/ops/movement.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { reduceMean, reduceSum } from '../../graph-builder/ops/reduction.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { techniquesOff } from '../../graph-builder/techniques/index.ts';
import { print } from '../../graph-builder/print.ts';
import type { Target } from '../../graph-builder/ops/op.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { mixedPrecision } from '../../graph-builder/rewrites/mixed-precision.ts';
import { removeDead } from '../../graph-builder/rewrites/remove-dead.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { trainingModels } from '../../training/models.ts';
import { precisionNotes, refuseHalves } from '../../training/precision.ts';
import { dcgan, images, randomBatches, randomRecipe, recipeOf } from '../parity/recipes.ts';
import { initialState, TrainingModel } from '../parity/training-run.ts';
import type { State } from '../parity/training-run.ts';
import { bodyOf } from './loop-bodies.ts';
import { evaluate } from './model.ts';

const sample = images(3, 32);
const mixed = recipeOf({ ...dcgan, filters: 8 }, { precision: 'mixed' });
const program = buildProgram(mixed, sample);

const dtypesOf = (nodes: readonly Node[], type: RegExp) => [
  ...new Set(nodes.filter(({ op }) => type.test(op.type)).flatMap(({ outputs }) => outputs[0]!.dtype)),
];
/** A convolution of an image of 2 channels by a weight of ones, 1 x 1. */
const convolved = (x: Value) => conv(x, x.graph.constant(tensor('float32', [1, 0, 0, 1], [2, 2, 1, 1])));

describe('a training loop in mixed precision', () => {
  const body = bodyOf(mixedPrecision(program.loopGraph(), 256));

  test('has layers and their gradients in halves, and the rest in float32', () => {
    verify(mixedPrecision(program.loopGraph(), 256));
    expect(dtypesOf(body.nodes, /^(Conv|ConvTranspose|ConvWeightGradient|Gemm|LeakyRelu)$/)).toEqual([
      'float16',
    ]);
    expect(dtypesOf(body.nodes, /^LeakyReluGradient$/)).toEqual(['float16']);
    expect(
      dtypesOf(body.nodes, /^(Softplus|Sigmoid|Sqrt|Tanh|Exp|Log|ReduceSumSquare|SumInFloat32)$/),
    ).toEqual(['float32']);
    const updates = body.nodes.filter(({ scope }) => scope.startsWith('update-'));
    expect(updates.length).toBeGreaterThan(50);
    expect(updates.flatMap(({ outputs }) => outputs).some(({ dtype }) => dtype === 'float16')).toBe(false);
  });

  test('takes and gives what it takes and gives in float32', () => {
    const signature = ({ inputs, outputs }: Graph) => [
      ...inputs.map(({ name, dtype }) => [name, dtype]),
      ...outputs.map(({ name, value }) => [name, value.dtype]),
    ];
    expect(signature(body)).toEqual(signature(bodyOf(program.loopGraph())));
  });

  test('holds no half that is read in float32 only, and none of the values that nobody reads', () => {
    const read = new Set([
      ...body.nodes.flatMap(({ inputs }) => inputs),
      ...body.outputs.map(({ value }) => value),
    ]);
    for (const { outputs } of body.nodes) expect(outputs.some((output) => read.has(output))).toBe(true);
    const casts = body.nodes.filter(({ op }) => op.type === 'Cast');
    // Back and forth, with nothing in between.
    for (const { inputs } of casts) expect(inputs[0]!.node?.op.type).not.toBe('Cast');
  });

  test('is what it was where every tensor is small', () => {
    const plain = removeDead(buildProgram({ ...mixed, precision: 'float32' }, sample).loopGraph());
    expect(print(mixedPrecision(plain))).toBe(print(plain));
  });

  test('is for CUDA: other devices compute in float32, and say so', () => {
    // Batches so large that their tensors are worth it.
    const large = buildProgram({ ...mixed, batch: 2048 }, sample);
    const float16: number = onnx.TensorProto.DataType.FLOAT16;
    const halves = (of: TrainingProgram, device: Device, target?: Target) => {
      const models = trainingModels(of, device, target);
      const { graph } = onnx.ModelProto.decode(models.engine);
      const nodes = graph!.node!.flatMap(({ attribute, ...node }) => [
        { attribute, ...node },
        ...attribute!.flatMap(({ g }) => g?.node ?? []),
      ]);
      const casts = nodes.filter(
        ({ opType, attribute }) => opType === 'Cast' && Number(attribute![0]!.i) === float16,
      );
      expect(models.inHalves).toBe(casts.length > 0);
      return [casts.length > 0, precisionNotes(of.recipe, device, models)];
    };
    const [cpu, cuda] = [
      { kind: 'cpu', index: 0 },
      { kind: 'cuda', index: 0 },
    ] as const;
    expect(halves(large, cuda)).toEqual([true, []]);
    expect(halves(large, cuda, 'portable')).toEqual([true, []]);
    const nothing = 'precision=mixed changes nothing here: ';
    expect(halves(large, cpu)).toEqual([false, [`${nothing}float16 is for CUDA, not for cpu`]]);
    expect(halves(program, cuda)).toEqual([
      false,
      [`${nothing}none of its tensors is so large that float16 would be faster`],
    ]);
    expect(halves(buildProgram({ ...large.recipe, precision: 'float32' }, sample), cuda)).toEqual([
      false,
      [],
    ]);
  });

  test('is refused where CUDA computes halves wrongly, and only there', () => {
    const choice = { device: { kind: 'cuda', index: 1 }, halvesProblem: 'it adds up wrongly' } as const;
    expect(() => {
      refuseHalves(choice, { inHalves: true });
    }).toThrow(
      'precision=mixed does not work on cuda:1 here: it adds up wrongly; train on another device, or a new run with precision=float32',
    );
    refuseHalves(choice, { inHalves: false });
    refuseHalves({ device: choice.device }, { inHalves: true });
  });
});

describe('mixedPrecision', () => {
  const imageOf = (graph: Graph) => graph.input('x', 'float32', [2, 2, 4, 4]);

  test('follows a product through what is as exact, up to what saturates or has a pole', () => {
    const graph = new Graph('follow');
    const y = leakyRelu(add(mul(convolved(imageOf(graph)), 0.5), 1));
    graph.output('moved', transpose(reshape(y, [2, 32]), [1, 0]));
    graph.output('tanh', tanh(y));
    graph.output('exp', exp(y));
    const nodes = mixedPrecision(graph, 64).nodes;
    expect(dtypesOf(nodes, /^(Conv|Mul|Add|LeakyRelu|Reshape|Transpose)$/)).toEqual(['float16']);
    expect(dtypesOf(nodes, /^(Tanh|Exp)$/)).toEqual(['float32']);
  });

  test('leaves alone what meets no product, and what is smaller than asked', () => {
    const graph = new Graph('alone');
    const x = imageOf(graph);
    graph.output('y', leakyRelu(mul(x, x)));
    expect(print(mixedPrecision(graph, 1))).toBe(print(graph));
    const product = new Graph('small');
    product.output('y', leakyRelu(convolved(imageOf(product))));
    expect(print(mixedPrecision(product, 65))).toBe(print(product));
    expect(print(mixedPrecision(product, 64))).not.toBe(print(product));
  });

  test('leaves grouped convolutions and their gradients in float32', () => {
    const graph = new Graph('grouped');
    const x = imageOf(graph);
    const w = graph.input('w', 'float32', [2, 1, 3, 3]);
    const back = graph.input('back', 'float32', [2, 1, 3, 3]);
    const y = convTranspose(conv(convolved(x), w, { pad: 1, group: 2 }), back, { pad: 1, group: 2 });
    gradients(reduceSum(mul(convolved(y), y)), [w, back]).forEach((gradient, i) => {
      graph.output(`gradient${i}`, gradient);
    });
    const nodes = mixedPrecision(graph, 1).nodes.filter(({ op }) => op.type.startsWith('Conv'));
    const isGrouped = ({ attributes }: Node) => attributes.group === 2;
    const types = new Set(nodes.filter(isGrouped).map(({ op }) => op.type));
    expect(types).toEqual(new Set(['Conv', 'ConvTranspose', 'ConvWeightGradient']));
    const others = nodes.filter((node) => !isGrouped(node));
    expect(dtypesOf(nodes.filter(isGrouped), /./)).toEqual(['float32']);
    expect(dtypesOf(others, /./)).toEqual(['float16']);
  });

  test.each([1e38, 65520, 1e-6])('leaves in float32 what meets %d, which no half holds', async (number) => {
    const graph = new Graph('range');
    graph.output('y', mul(convolved(imageOf(graph)), number));
    const result = mixedPrecision(graph, 1);
    expect(dtypesOf(result.nodes, /^Mul$/)).toEqual(['float32']);
    expect(dtypesOf(result.nodes, /^Conv$/)).toEqual(['float16']);
    const feeds = { x: Array.from({ length: 64 }, (_, i) => i + 1) };
    expect(await evaluate(result, feeds, 'portable')).toEqual(await evaluate(graph, feeds, 'portable'));
  });

  test('joins halves and floats as halves', () => {
    const graph = new Graph('join');
    const x = imageOf(graph);
    graph.output('y', mul(concat([convolved(x), x], 0), 2));
    const nodes = mixedPrecision(graph, 1).nodes;
    expect(dtypesOf(nodes, /^(Concat|Mul)$/)).toEqual(['float16']);
  });

  test.each(['portable', 'cuda', 'cpu'] as const)(
    'adds up in float32, beyond what halves count and hold, for %s',
    async (target) => {
      const graph = new Graph('sums');
      const x = graph.input('x', 'float32', [16, 2, 64, 64]);
      const y = convolved(x);
      graph.output('sum', reduceSum(y, [0, 2, 3]));
      graph.output('mean', reduceMean(y, [0, 2, 3]));
      graph.output('kept', reduceSum(y, [0, 2, 3], true));
      graph.output('rows', reduceSum(reshape(y, [16, 8192]), [1]));
      const n = 16 * 64 * 64;
      const feeds = { x: Array.from({ length: 2 * n }, (_, i) => (Math.floor(i / 4096) % 2 ? 700 : 300)) };
      const { sum, mean, kept, rows } = await evaluate(mixedPrecision(graph, 1), feeds, target);
      expect([...Array.from(sum!), ...Array.from(mean!)]).toEqual([300 * n, 700 * n, 300, 700]);
      expect(Array.from(kept!)).toEqual([300 * n, 700 * n]);
      expect(Array.from(rows!)).toEqual(Array(16).fill(4096000));
    },
  );

  test.each([
    [1, 3, 5],
    [7, 11, 31],
    [64, 32, 32],
  ])('adds up any number of rows on CUDA: %d of %d x %d', async (n, h, w) => {
    const graph = new Graph('rows');
    const x = graph.input('x', 'float32', [n, 2, h, w]);
    graph.output('sum', reduceSum(convolved(x), [0, 2, 3]));
    const result = compile(mixedPrecision(graph, 1), 'cuda');
    const feeds = { x: Array.from({ length: n * 2 * h * w }, (_, i) => (i % 5) - 1) };
    expect(await evaluate(result, feeds)).toEqual(await evaluate(graph, feeds, 'portable'));
    // A list and its vector are a pair: the provider multiplies all pairs at once, without a table from the host.
    const products = result.nodes.filter(({ op }) => op.type === 'MatMul').map(({ inputs }) => inputs);
    expect(products.length).toBe(1);
    for (const [vectors, lists] of products)
      expect([vectors!.rank, vectors!.shape[0]]).toEqual([3, lists!.shape[0]]);
    // Not by the kernel that lets blocks of rows be added up as halves.
    const added = result.nodes.filter(
      ({ op, inputs: [first] }) => op.type === 'ReduceSum' && first!.dtype === 'float16',
    );
    expect(added).toEqual([]);
  });

  const wide = [
    [100, 1],
    [0, 40],
    [-1000, 3],
  ] as const;
  test.each(
    (['portable', 'cuda', 'cpu'] as const).flatMap((target) =>
      wide.map(([mean, std]) => ({ target, mean, std })),
    ),
  )('has a norm whose statistics are in float32, of mean $mean and std $std, for $target', async (c) => {
    const graph = new Graph('norm');
    const x = graph.input('x', 'float32', [8, 2, 32, 32]);
    const vector = (name: string) => graph.input(name, 'float32', [2]);
    const { y, mean, variance } = batchNormTraining(convolved(x), vector('scale'), vector('bias'), 1e-5);
    graph.output('y', y);
    graph.output('mean', mean);
    graph.output('variance', variance);
    const feeds = {
      x: normals(1, 0, 'x', 8 * 2 * 32 * 32).map((z) => c.mean + c.std * z),
      scale: [0.5, 2],
      bias: [0.25, -1],
    };
    const halves = mixedPrecision(graph, 1);
    verify(compile(halves, c.target));
    const [ours, exact] = [await evaluate(halves, feeds, c.target), await evaluate(graph, feeds, 'portable')];
    const most = (name: string) =>
      Array.from(exact[name]!, (value, i) => Math.abs(value - ours[name]![i]!)).reduce(
        (a, b) => Math.max(a, b),
        0,
      );
    // Halves lie a 1024th of their size apart, or nearer.
    const apart = Math.max(Math.abs(c.mean), 4 * c.std) / 1024;
    expect(most('mean')).toBeLessThan(apart);
    expect(most('variance')).toBeLessThan(2 * apart * c.std + apart ** 2);
    expect(most('y')).toBeLessThan((2 * 4 * apart) / c.std);
    expect(most('y')).toBeGreaterThan(1e-4);
  });
});

describe('scaled losses', () => {
  const changes = { precision: 'mixed', batch: 4, emaDecay: 0.9 } as const;
  const steps = 4;
  const train = async (recipe: typeof mixed, state?: State, least?: number) => {
    const program = buildProgram(recipe, sample);
    const model = await TrainingModel.load(program, 'portable', 'loop', (graph) =>
      least === undefined ? graph : mixedPrecision(graph, least),
    );
    const start = state ?? initialState(program, 3);
    const accumulate = program.samplesPerStep / recipe.batch;
    const real = randomBatches({ ...recipe, accumulate }, sample, steps);
    const result = await model.train(start, { seed: 3, real }, 0, steps);
    await model.release();
    const figure = (name: string) => result.telemetry.map((row) => row[program.telemetry.indexOf(name)]!);
    return { start, figure, ...result };
  };
  const scalar = (value: number): Tensor => tensor('float32', [value], []);

  test('change no bit of what is trained in float32: the factor is a power of two', async () => {
    const recipe = randomRecipe({ ...dcgan, filters: 4 }, { ...changes, accumulate: 2 });
    const [scaled, plain] = [await train(recipe), await train({ ...recipe, precision: 'float32' })];
    for (const [name, value] of plain.state) expect([name, scaled.state.get(name)]).toEqual([name, value]);
    expect(scaled.telemetry.map((row) => [...row].slice(0, 6))).toEqual(
      plain.telemetry.map((row) => [...row]),
    );
    expect([scaled.figure('dLossScale'), scaled.figure('gLossScale')]).toEqual([
      Array(steps).fill(65536),
      Array(steps).fill(65536),
    ]);
    expect([...scaled.state.keys()].filter((name) => !plain.state.has(name))).toEqual(
      ['generator', 'discriminator'].flatMap((player) => [
        `lossScale/${player}/factor`,
        `lossScale/${player}/steps`,
      ]),
    );
  });

  test.each([undefined, 1])(
    'skip an update that overflows, and halve the factor (halves from %d)',
    async (least) => {
      const recipe = recipeOf({ ...dcgan, filters: 4 }, { ...changes, emaDecay: 0 });
      const start = new Map(initialState(buildProgram(recipe, sample), 3));
      // One that overflows in the first step only, in float32 and in halves, and one that never does.
      const far = least === undefined ? 2 ** 127 : 2 ** 20;
      start.set('lossScale/discriminator/factor', scalar(far));
      start.set('lossScale/generator/factor', scalar(16));
      const { state, figure } = await train(recipe, start, least);
      const [scales, norms] = [figure('dLossScale'), figure('dGradNorm')];
      expect([scales[0], norms[0]]).toEqual([far / 2, 0]);
      expect(figure('gLossScale')).toEqual(Array(steps).fill(16));
      expect(figure('gGradNorm').every((norm) => norm > 0)).toBe(true);
      scales.forEach((factor, step) => {
        const before = step === 0 ? far : scales[step - 1]!;
        expect(factor).toBe(norms[step] === 0 ? before / 2 : before);
      });
      const skipped = norms.filter((norm) => norm === 0).length;
      expect(state.get('optimizer/discriminator/updates')!.data[0]).toBe(steps - skipped);
      expect(state.get('optimizer/generator/updates')!.data[0]).toBe(steps);
      for (const [name, { data }] of state)
        expect([name, Array.from(data as Float32Array).every(Number.isFinite)]).toEqual([name, true]);
      const [weight] = program.discriminator.parameters;
      const isTrained = String(state.get(weight!.name)!.data) !== String(start.get(weight!.name)!.data);
      expect(isTrained).toBe(skipped < steps);
    },
  );

  const vae = { reconstruction: 0.5, prior: 2, layer: 1 };
  test.each<[string, Partial<Recipe>]>([
    ['several batches', { accumulate: 2 }],
    [
      'several updates and batches',
      { accumulate: 2, techniques: { ...techniquesOff, discriminatorSteps: 2 } },
    ],
    [
      'what is kept of fakes and weights',
      {
        emaDecay: 0.9,
        techniques: {
          ...techniquesOff,
          replay: { size: 8, probability: 0.5 },
          targetNetworks: { tau: 0.5, of: 'both' },
          historicalAveraging: 0.1,
        },
      },
    ],
    ['an encoder', { techniques: { ...techniquesOff, vae } }],
    ['an encoder and several batches', { accumulate: 2, techniques: { ...techniquesOff, vae } }],
  ])('an overflow spoils nothing else, with %s', async (_, more) => {
    for (const least of [undefined, 1]) {
      const recipe = recipeOf({ ...dcgan, filters: 4 }, { ...changes, emaDecay: 0, ...more });
      const start = new Map(initialState(buildProgram(recipe, sample), 3));
      const players = [
        'generator',
        'discriminator',
        ...(recipe.techniques.vae.reconstruction ? ['encoder'] : []),
      ];
      // All overflow in every step.
      for (const player of players)
        start.set(`lossScale/${player}/factor`, scalar(least === undefined ? 2 ** 127 : 2 ** 40));
      const { state, telemetry, figure } = await train(recipe, start, least);
      for (const row of telemetry) expect([...row].every(Number.isFinite)).toBe(true);
      for (const [name, { data }] of state)
        expect([name, Array.from(data as Float32Array).every(Number.isFinite)]).toEqual([name, true]);
      expect(figure('dGradNorm')[0]).toBe(0);
      for (const player of players) {
        const turns = player === 'discriminator' ? recipe.techniques.discriminatorSteps : 1;
        expect(Number(state.get(`optimizer/${player}/updates`)!.data[0])).toBeLessThan(steps * turns);
        expect(Number(state.get(`lossScale/${player}/factor`)!.data[0])).toBeLessThan(
          Number(start.get(`lossScale/${player}/factor`)!.data[0]),
        );
      }
    }
  });

  test.each([
    [2, 0],
    [1, NaN],
  ])('tell of gradients that are no numbers where no smaller factor helps: %d, %d', async (factor, norm) => {
    const recipe = recipeOf({ ...dcgan, filters: 4 }, { ...changes, emaDecay: 0 });
    const start = new Map(initialState(buildProgram(recipe, sample), 3));
    const { name, shape } = program.discriminator.parameters.at(-1)!;
    start.set(name, tensor('float32', new Float32Array(sizeOf(shape)).fill(NaN), shape));
    start.set('lossScale/discriminator/factor', scalar(factor));
    const { figure, state } = await train(recipe, start);
    // It goes no further down than 1.
    expect([figure('dGradNorm')[0], figure('dLossScale')[0]]).toEqual([norm, 1]);
    expect(state.get('optimizer/discriminator/updates')!.data[0]).toBe(0);
  });

  test('tell of an encoder that can learn no more', async () => {
    const recipe = recipeOf(
      { ...dcgan, filters: 4 },
      { ...changes, emaDecay: 0, techniques: { ...techniquesOff, vae } },
    );
    const program = buildProgram(recipe, sample);
    const start = new Map(initialState(program, 3));
    const { name, shape } = program.encoder!.parameters.at(-1)!;
    // A log variance of 100 is a variance beyond float32.
    start.set(name, tensor('float32', new Float32Array(sizeOf(shape)).fill(100), shape));
    start.set('lossScale/encoder/factor', scalar(4));
    const { figure, state } = await train(recipe, start);
    expect(figure('eLossScale')).toEqual([2, 1, 1, 1]);
    expect(figure('eGradNorm').map(Number.isFinite)).toEqual([true, true, false, false]);
    expect(state.get('optimizer/encoder/updates')!.data[0]).toBe(0);
  });

  test('train in halves as in float32, within what halves round to', async () => {
    const sgd = { kind: 'sgd', learningRate: 1e-3, momentum: 0 } as const;
    const recipe = recipeOf(
      { ...dcgan, filters: 8 },
      { ...changes, emaDecay: 0, batch: 8, optimizer: { generator: sgd, discriminator: sgd } },
    );
    const start = new Map(initialState(buildProgram(recipe, sample), 3));
    for (const player of ['generator', 'discriminator'])
      start.set(`lossScale/${player}/factor`, scalar(1024));
    const [halves, plain] = [await train(recipe, start, 64), await train(recipe, start)];
    for (const name of ['dLoss', 'gLoss', 'dGradNorm', 'gGradNorm'])
      halves.figure(name).forEach((value, step) => {
        expect(Math.abs(value / plain.figure(name)[step]! - 1)).toBeLessThan(0.03);
      });
    expect(halves.figure('dLoss')).not.toEqual(plain.figure('dLoss'));
  });
});
