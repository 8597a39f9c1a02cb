import { gradients } from './autodiff.ts';
import { GraphError } from './errors.ts';
import { Graph } from './graph.ts';
import type { Value } from './graph.ts';
import type { StateSpec } from './initializer.ts';
import { Pass } from './layers/pass.ts';
import type { NetworkState } from './layers/pass.ts';
import { binaryCrossEntropy, generatorLosses } from './losses/adversarial.ts';
import { networksOf } from './networks/networks.ts';
import type { Networks } from './networks/networks.ts';
import { sigmoid } from './ops/activation.ts';
import { loop } from './ops/control.ts';
import { add, cast, div, mul, sqrt, sub } from './ops/elementwise.ts';
import { gather } from './ops/indexing.ts';
import { concat, reshape, split } from './ops/movement.ts';
import { reduceMean, reduceSumSquare } from './ops/reduction.ts';
import { adam } from './optimizers/adam.ts';
import { groupsOf, join, part } from './optimizers/group.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { applyOptimizer, optimizerState } from './optimizers/optimizer.ts';
import { sgd } from './optimizers/sgd.ts';
import { RandomStreams } from './random.ts';
import type { OptimizerRecipe, Recipe, SampleSpec } from './recipe.ts';
import { hooksOf } from './techniques/index.ts';
import type { Control, Phase, Side, StepContext, TechniqueHooks } from './techniques/technique.ts';
import { tensor } from './types.ts';

/** What is measured in every step, in the order of the telemetry vector. */
export const telemetryNames = ['dLoss', 'gLoss', 'dReal', 'dFake', 'dGradNorm', 'gGradNorm'] as const;

export type Telemetry = Record<(typeof telemetryNames)[number], number>;

/**
 * A recipe as graphs. The state is a set of named tensors that go in and come out; everything else a step needs comes
 * in as inputs, so no schedule and no data ever rebuild a graph.
 *
 * | input      | step driver       | loop driver          |                                             |
 * |------------|-------------------|----------------------|---------------------------------------------|
 * | state      | each by its name  | each by its name     | comes out as `next/<name>`                  |
 * | `real`     | [N, ...sample]    | [K, N, ...sample]    | uint8 images or float32 points              |
 * | `controls` | float32 [C]       | float32 [K, C]       | one column a control                        |
 * | `seed`     | int32 []          | int32 []             |                                             |
 * | `step`     | int32 []          | int32 []             | of the first step of the run                |
 * | `steps`    | -                 | int64 []             | K, the steps of the run                     |
 *
 * Both put out `telemetry`, float32 [T] or [K, T].
 */
export interface TrainingProgram {
  readonly recipe: Recipe;
  readonly sample: SampleSpec;
  readonly state: readonly StateSpec[];
  readonly controls: readonly Control[];
  /** Trained and tracked tensors of each network. */
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  /** One step a run. */
  readonly stepGraph: () => Graph;
  /** K steps a run, inside an ONNX Loop: the state stays on the device between them. */
  readonly loopGraph: () => Graph;
}

/** Name of the averaged copy of one of the generator's tensors. */
export const averageName = (name: string) => `average/${name}`;

export function buildProgram(recipe: Recipe, sample: SampleSpec): TrainingProgram {
  const hooks = hooksOf(recipe);
  const networks = networksOf(recipe, sample, combineLayerHooks(hooks));
  const generator = declare(networks, 'generator', recipe, sample);
  const discriminator = declare(networks, 'discriminator', recipe, sample);
  const optimizers = {
    generator: optimizerOf(recipe.optimizer.generator),
    discriminator: optimizerOf(recipe.optimizer.discriminator),
  };
  const controls: Control[] = [
    { name: 'generator/learningRate', at: () => recipe.optimizer.generator.learningRate },
    { name: 'discriminator/learningRate', at: () => recipe.optimizer.discriminator.learningRate },
    ...(recipe.emaDecay > 0
      ? [{ name: 'average/decay', at: (step: number) => averageDecay(recipe, step) }]
      : []),
    ...hooks.flatMap((hook) => hook.controls ?? []),
  ];
  const averaged = recipe.emaDecay > 0 ? [...generator.parameters, ...generator.statistics] : [];
  const state: StateSpec[] = [
    ...generator.parameters,
    ...generator.statistics,
    ...discriminator.parameters,
    ...discriminator.statistics,
    ...optimizerState(optimizers.generator, generator.parameters, 'optimizer/generator'),
    ...optimizerState(optimizers.discriminator, discriminator.parameters, 'optimizer/discriminator'),
    ...averaged.map((spec) => ({ ...spec, name: averageName(spec.name), copyOf: spec.name })),
  ];
  const plan: Plan = {
    recipe,
    sample,
    hooks,
    networks,
    generator,
    discriminator,
    optimizers,
    controls,
    averaged,
  };
  return {
    recipe,
    sample,
    state,
    controls,
    generator,
    discriminator,
    stepGraph: () => stepGraph(plan, state),
    loopGraph: () => loopGraph(plan, state),
  };
}

/** The average forgets its random start quickly: its memory is at most a tenth of the steps so far. */
function averageDecay({ emaDecay }: Recipe, step: number): number {
  return Math.min(emaDecay, (1 + step) / (10 + step));
}

type NetworkName = 'generator' | 'discriminator';

interface Plan {
  readonly recipe: Recipe;
  readonly sample: SampleSpec;
  readonly hooks: readonly TechniqueHooks[];
  readonly networks: Networks;
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  readonly optimizers: { readonly generator: Optimizer; readonly discriminator: Optimizer };
  readonly controls: readonly Control[];
  readonly averaged: readonly StateSpec[];
}

function optimizerOf(recipe: OptimizerRecipe): Optimizer {
  return recipe.kind === 'adam' ? adam(recipe) : sgd(recipe);
}

/** The layer hooks of all techniques as one, or none. */
function combineLayerHooks(hooks: readonly TechniqueHooks[]) {
  const layerHooks = hooks.map((hook) => hook.generatorLayer).filter((hook) => hook !== undefined);
  if (!layerHooks.length) return {};
  return { afterLayer: (pass: Pass, x: Value) => layerHooks.reduce((y, hook) => hook(pass, y), x) };
}

/** The tensors of a network, found by building it once on a scratch graph. */
function declare(networks: Networks, name: NetworkName, recipe: Recipe, sample: SampleSpec): NetworkState {
  const graph = new Graph('declaration');
  const scalar = (dtype: 'int32' | 'float32') => graph.constant(tensor(dtype, [0], []));
  const pass = new Pass({
    graph,
    network: name,
    training: true,
    random: new RandomStreams(graph, scalar('int32'), scalar('int32')),
    control: () => scalar('float32'),
  });
  const shape = name === 'generator' ? [recipe.network.zDim] : sample.shape;
  pass.run(networks[name], graph.input('input', 'float32', [recipe.batch, ...shape]));
  return pass.declared;
}

interface StepInputs {
  readonly state: ReadonlyMap<string, Value>;
  /** [N, ...sample], raw */
  readonly real: Value;
  /** [C] */
  readonly controls: Value;
  readonly seed: Value;
  readonly step: Value;
}

/** One step of both networks: the next state by name, and the telemetry vector. */
function trainingStep(
  graph: Graph,
  plan: Plan,
  inputs: StepInputs,
): { next: Map<string, Value>; telemetry: Value } {
  const { recipe, sample, hooks, networks } = plan;
  const random = new RandomStreams(graph, inputs.seed, inputs.step);
  const control = (name: string): Value => {
    const column = plan.controls.findIndex((candidate) => candidate.name === name);
    if (column < 0) throw new GraphError('control', `"${name}" is not declared by any technique`);
    return gather(inputs.controls, graph.scalar(column, 'int32'));
  };
  const context: StepContext = { graph, random, control };
  const next = new Map(inputs.state);

  const apply = (network: NetworkName, input: Value, label?: string): Value => {
    const pass = new Pass({
      graph,
      network,
      values: next,
      training: true,
      random,
      control,
      ...(label === undefined ? {} : { label }),
    });
    const output = pass.run(networks[network], input);
    for (const [name, value] of pass.updates) next.set(name, value);
    return output;
  };
  /** A batch as D gets to see it. */
  const shown = (x: Value, side: Side, phase: Phase): Value =>
    hooks.reduce((y, hook) => hook.discriminatorInput?.(y, side, phase, context) ?? y, x);
  /** Logits of real and fake batches that never mix: in passes of their own, or in one that takes no statistics. */
  const discriminate = (reals: Value, fakes: Value): readonly [Value, Value] => {
    if (networks.discriminatorMixes)
      return [apply('discriminator', reals, 'real'), apply('discriminator', fakes, 'fake')];
    const logits = apply('discriminator', concat([reals, fakes], 0), 'both');
    const [realLogits, fakeLogits] = split(logits, [recipe.batch, recipe.batch], 0);
    return [realLogits!, fakeLogits!];
  };
  const update = (network: NetworkName, loss: Value, constants: readonly Value[]): Value => {
    const specs = plan[network].parameters;
    const values = specs.map(({ name }) => next.get(name)!);
    const grads = gradients(loss, values, { constants });
    const updated = graph.scope(`update-${network}`, () =>
      applyOptimizer(plan.optimizers[network], {
        prefix: `optimizer/${network}`,
        learningRate: control(`${network}/learningRate`),
        parameters: specs.map(({ name }, i) => ({ name, value: values[i]!, gradient: grads[i]! })),
        state: (name) => next.get(name)!,
      }),
    );
    for (const [name, value] of updated) next.set(name, value);
    return graph.scope(`update-${network}`, () => globalNorm(grads));
  };

  // G's fakes serve both steps, as in the reference DCGAN loop.
  const real = graph.scope('data', () => normalizeSamples(inputs.real, sample));
  const z = random.normal('z', [recipe.batch, recipe.network.zDim]);
  const fake = apply('generator', z);

  const [realLogits, fakeLogits] = discriminate(
    shown(real, 'real', 'discriminator'),
    shown(fake, 'fake', 'discriminator'),
  );
  const targets = (side: Side, logits: Value): Value | 0 | 1 =>
    hooks.find((hook) => hook.targets)?.targets?.(logits, side, context) ?? (side === 'real' ? 1 : 0);
  const dLoss = graph.scope('loss-discriminator', () =>
    add(
      binaryCrossEntropy(realLogits, targets('real', realLogits)),
      binaryCrossEntropy(fakeLogits, targets('fake', fakeLogits)),
    ),
  );
  const dGradNorm = update('discriminator', dLoss, []);

  // G against the updated D, whose own dependence on G is not differentiated.
  const frozen = plan.discriminator.parameters.map(({ name }) => next.get(name)!);
  const judged = apply('discriminator', shown(fake, 'fake', 'generator'), 'judge');
  const gLoss = graph.scope('loss-generator', () => generatorLosses[recipe.loss](judged));
  const gGradNorm = update('generator', gLoss, frozen);

  graph.scope('average', () => {
    if (!plan.averaged.length) return;
    const decay = control('average/decay');
    const share = sub(1, decay);
    const pairs = plan.averaged.map(({ name }) => ({
      name: averageName(name),
      average: next.get(averageName(name))!,
      value: next.get(name)!,
    }));
    for (const group of groupsOf(pairs, ({ value }) => value)) {
      const values = group.map(({ value }) => value);
      const averages = join(group.map(({ average }) => average));
      const results = part(add(mul(averages, decay), mul(join(values), share)), values);
      group.forEach(({ name }, i) => next.set(name, results[i]!));
    }
  });
  const telemetry = graph.scope('telemetry', () =>
    concat(
      [dLoss, gLoss, meanProbability(realLogits), meanProbability(fakeLogits), dGradNorm, gGradNorm].map(
        (value) => reshape(value, [1]),
      ),
      0,
    ),
  );
  return { next, telemetry };
}

/** Technique 1: bytes 0..255 to [-1, 1]. Points are left in their own units. */
function normalizeSamples(real: Value, sample: SampleSpec): Value {
  return sample.kind === 'images' ? sub(div(cast(real, 'float32'), 127.5), 1) : real;
}

const meanProbability = (logits: Value): Value => reduceMean(sigmoid(logits));

/** L2 norm of all gradients of a network together. */
function globalNorm(grads: readonly Value[]): Value {
  const squares = groupsOf(grads, (grad) => grad).map((group) => reduceSumSquare(join(group)));
  return sqrt(squares.reduce((sum, square) => add(sum, square)));
}

const dataType = (sample: SampleSpec) => (sample.kind === 'images' ? 'uint8' : 'float32');

function stepGraph(plan: Plan, state: readonly StateSpec[]): Graph {
  const graph = new Graph('training-step');
  const { batch } = plan.recipe;
  const inputs: StepInputs = {
    state: new Map(state.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)])),
    real: graph.input('real', dataType(plan.sample), [batch, ...plan.sample.shape]),
    controls: graph.input('controls', 'float32', [plan.controls.length]),
    seed: graph.input('seed', 'int32', []),
    step: graph.input('step', 'int32', []),
  };
  const { next, telemetry } = trainingStep(graph, plan, inputs);
  for (const { name } of state) graph.output(`next/${name}`, next.get(name)!);
  graph.output('telemetry', telemetry);
  return graph;
}

function loopGraph(plan: Plan, state: readonly StateSpec[]): Graph {
  const graph = new Graph('training-loop');
  const { batch } = plan.recipe;
  const initial = state.map(({ name, dtype, shape }) => graph.input(name, dtype, shape));
  const real = graph.input('real', dataType(plan.sample), ['K', batch, ...plan.sample.shape]);
  const controls = graph.input('controls', 'float32', ['K', plan.controls.length]);
  const seed = graph.input('seed', 'int32', []);
  const step = graph.input('step', 'int32', []);
  const steps = graph.input('steps', 'int64', []);

  const body = new Graph('training-step', graph);
  const iteration = body.input('iteration', 'int64', []);
  body.input('condition', 'bool', []);
  const carried = new Map(
    state.map(({ name, dtype, shape }) => [name, body.input(`carried/${name}`, dtype, shape)]),
  );
  const { next, telemetry } = trainingStep(body, plan, {
    state: carried,
    real: gather(real, iteration),
    controls: gather(controls, iteration),
    seed,
    step: add(step, cast(iteration, 'int32')),
  });
  body.output('continue', body.constant(tensor('bool', [1], [])));
  for (const { name } of state) body.output(`next/${name}`, next.get(name)!);
  body.output('telemetry', telemetry);

  const results = loop(steps, body, initial);
  state.forEach(({ name }, i) => {
    graph.output(`next/${name}`, results[i]!);
  });
  graph.output('telemetry', results[state.length]!);
  return graph;
}
