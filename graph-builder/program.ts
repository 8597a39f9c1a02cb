import { GraphError } from './errors.ts';
import { Graph } from './graph.ts';
import type { StateSpec } from './initializer.ts';
import { Pass } from './layers/pass.ts';
import type { NetworkState } from './layers/pass.ts';
import type { GivenNetworks } from './networks/network.ts';
import type { Networks } from './networks/networks.ts';
import { networksOf } from './networks/networks.ts';
import { loop } from './ops/control.ts';
import { add, cast } from './ops/elementwise.ts';
import { gather } from './ops/indexing.ts';
import { optimizerState } from './optimizers/optimizer.ts';
import { RandomStreams } from './random.ts';
import type { Recipe, SampleSpec, TechniqueOptions } from './recipe.ts';
import { averageName, telemetryNames } from './plan.ts';
import type { Plan, StepInputs } from './plan.ts';
import { lossScaleFigures, lossScaleState } from './step/loss-scale.ts';
import { trainingStep } from './step/step.ts';
import { gateState } from './step/update-gate.ts';
import { hooksOf, refuseInside, techniques, techniquesOff } from './techniques/index.ts';
import type { Control, Move, NetworkStates, Player, Technique } from './techniques/technique.ts';
import { tensor } from './types.ts';

export { averageName, telemetryNames } from './plan.ts';

/** Figures of one step; techniques add further ones, by name. */
export type Telemetry = Record<(typeof telemetryNames)[number], number>;

/**
 * A recipe as graphs. The state is a set of named tensors that go in and come out; everything else a step needs comes
 * in as inputs, so no schedule and no data ever rebuild a graph.
 *
 * | input      | step driver       | loop driver          |                                             |
 * |------------|-------------------|----------------------|---------------------------------------------|
 * | state      | each by its name  | each by its name     | comes out as `next/<name>`                  |
 * | `real`     | [R, ...sample]    | [K, R, ...sample]    | uint8 images or float32 points              |
 * | `labels`   | int32 [R]         | int32 [K, R]         | where labels are trained on                 |
 * | `controls` | float32 [C]       | float32 [K, C]       | one column a control                        |
 * | `seed`     | int32 []          | int32 []             |                                             |
 * | `step`     | int32 []          | int32 []             | of the first step of the run                |
 * | `steps`    | -                 | int64 []             | K, the steps of the run                     |
 *
 * R is the batch times the batches of an update times the updates of D in a step. Both put out `telemetry`, float32 [T] or [K, T].
 */
export interface TrainingProgram {
  readonly recipe: Recipe;
  readonly sample: SampleSpec;
  /** All tensors of a run. Those that are parked are no inputs of the graphs: the host keeps them for its moves. */
  readonly state: readonly StateSpec[];
  readonly controls: readonly Control[];
  /** Names of the figures of a step. */
  readonly telemetry: readonly string[];
  /** Real samples that a step takes: R. */
  readonly samplesPerStep: number;
  /** Whether the graphs take labels. */
  readonly labelled: boolean;
  /** Whether the exported generator draws random numbers of its own, and so takes a seed. */
  readonly randomAtInference: boolean;
  /** Trained and tracked tensors of each network. */
  readonly generator: NetworkState;
  readonly discriminator: NetworkState;
  readonly encoder: NetworkState | undefined;
  readonly networks: Networks;
  /** Those that come from elsewhere: their tensors bear the names that they had there. */
  readonly given: GivenNetworks;
  /** Steps between two of the host's moves; Infinity where it has none. */
  readonly moveEvery: number;
  /** Moves of whole tensors before a step whose number is a multiple of that, to be made one after the other. */
  readonly movesAt: (step: number) => readonly Move[];
  /** One step a run. */
  readonly stepGraph: () => Graph;
  /** K steps a run, inside an ONNX Loop: the state stays on the device between them. */
  readonly loopGraph: () => Graph;
}

/**
 * @param given networks from elsewhere in place of the recipe's
 * @param known techniques that may enter; all of them but in tests
 */
export function buildProgram(
  recipe: Recipe,
  sample: SampleSpec,
  given: GivenNetworks = {},
  known: readonly Technique[] = techniques,
): TrainingProgram {
  expectWhole(recipe);
  const hooks = hooksOf(recipe, sample, known);
  refuseInside(recipe, sample, given, known);
  const networks = networksOf(recipe, sample, hooks, given);
  const labelled = hooks.some((hook) => hook.labelled);
  const states: NetworkStates = Object.fromEntries(
    playersOf(networks).map((player) => [player, declare(networks, player, recipe, sample, labelled)]),
  );
  const { generator, discriminator, encoder } = states;
  // Some technique gives these under every recipe.
  const optimizerOf = hooks.find((hook) => hook.optimizer)!.optimizer!;
  const optimizers = Object.fromEntries(
    playersOf(networks).map((player) => [player, optimizerOf(player)] as const),
  );
  const controls: Control[] = [
    ...(['generator', 'discriminator'] as const).map((player) => ({
      name: `${player}/learningRate`,
      at: (step: number) =>
        hooks.reduce((rate, hook) => rate * (hook.rate?.(step) ?? 1), recipe.optimizer[player].learningRate),
    })),
    ...(recipe.emaDecay > 0
      ? [{ name: 'average/decay', at: (step: number) => averageDecay(recipe, step) }]
      : []),
    ...hooks.flatMap((hook) => hook.controls ?? []),
  ];
  const scaled = recipe.precision === 'mixed' ? playersOf(networks) : [];
  const averaged = recipe.emaDecay > 0 ? [...generator!.parameters, ...generator!.statistics] : [];
  const state: StateSpec[] = [
    ...Object.values(states).flatMap(({ parameters, statistics }) => [...parameters, ...statistics]),
    ...playersOf(networks).flatMap((player) =>
      optimizerState(optimizers[player]!, states[player]!.parameters, `optimizer/${player}`),
    ),
    ...averaged.map((spec) => ({ ...spec, name: averageName(spec.name), copyOf: spec.name })),
    ...hooks.flatMap((hook) => hook.state?.(states) ?? []),
    ...gateState(hooks),
    ...scaled.flatMap(lossScaleState),
  ];
  const discriminatorSteps = hooks.find((hook) => hook.discriminatorSteps)?.discriminatorSteps ?? 1;
  const telemetry = [
    ...telemetryNames,
    ...hooks.flatMap((hook) => hook.telemetry ?? []),
    ...lossScaleFigures(scaled),
  ];
  const plan: Plan = {
    recipe,
    sample,
    hooks,
    networks,
    states,
    optimizers,
    loss: hooks.find((hook) => hook.loss)!.loss!,
    latent: hooks.find((hook) => hook.latent)!.latent!,
    controls,
    averaged,
    discriminatorSteps,
    telemetry,
  };
  const moves = hooks.map((hook) => hook.moves).filter((move) => move !== undefined);
  const carried = state.filter(({ parked }) => !parked);
  const samplesPerStep = recipe.batch * recipe.accumulate * discriminatorSteps;
  return {
    recipe,
    sample,
    state,
    controls,
    telemetry,
    samplesPerStep,
    labelled,
    randomAtInference: hooks.some((hook) => hook.randomAtInference),
    generator: generator!,
    discriminator: discriminator!,
    encoder,
    networks,
    given,
    moveEvery: moves.reduce((divisor, { every }) => greatestCommonDivisor(divisor, every), Infinity),
    movesAt: (step) => moves.flatMap(({ every, at }) => (step % every === 0 ? at(step, states) : [])),
    stepGraph: () => stepGraph(plan, carried, samplesPerStep, labelled),
    loopGraph: () => loopGraph(plan, carried, samplesPerStep, labelled),
  };
}

/** What a recipe says, besides where it comes from. */
const settings = [
  'network',
  'loss',
  'optimizer',
  'emaDecay',
  'batch',
  'accumulate',
  'precision',
  'techniques',
] as const satisfies readonly (keyof Recipe)[];

/** Recipes come from JavaScript too, and from before an option was there. */
function expectWhole(recipe: Partial<Recipe>): void {
  const options: Partial<TechniqueOptions> | undefined = recipe.techniques;
  const lacks = [
    ...settings.filter((name) => recipe[name] === undefined),
    ...(Object.keys(techniquesOff) as (keyof TechniqueOptions)[])
      .filter((name) => options && options[name] === undefined)
      .map((name) => `techniques.${name}`),
  ];
  if (lacks.length)
    throw new GraphError(
      'recipe',
      `lacks ${lacks.join(', ')}; start from a whole one, such as presets.dcgan or what resolveRecipe gives`,
    );
}

const greatestCommonDivisor = (a: number, b: number): number => {
  if (a === Infinity) return b;
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
};

const playersOf = (networks: Networks) =>
  (['generator', 'discriminator', 'encoder'] as const).filter((player) => networks[player]);

/** The average forgets its random start quickly: its memory is at most a tenth of the steps so far. */
function averageDecay({ emaDecay }: Recipe, step: number): number {
  return Math.min(emaDecay, (1 + step) / (10 + step));
}

/** The tensors of a network, found by building it once on a scratch graph. */
function declare(
  networks: Networks,
  player: Player,
  recipe: Recipe,
  sample: SampleSpec,
  labelled: boolean,
): NetworkState {
  const graph = new Graph('declaration');
  const scalar = (dtype: 'int32' | 'float32') => graph.constant(tensor(dtype, [0], []));
  const pass = new Pass({
    graph,
    network: player,
    training: true,
    random: RandomStreams.of(graph, scalar('int32'), scalar('int32')),
    control: () => scalar('float32'),
    labels: labelled ? graph.input('labels', 'int32', [recipe.batch]) : undefined,
  });
  const shape = player === 'generator' ? [recipe.network.zDim] : sample.shape;
  pass.run<unknown>(networks[player]!, graph.input('input', 'float32', [recipe.batch, ...shape]));
  return pass.declared;
}

const dataType = (sample: SampleSpec) => (sample.kind === 'images' ? 'uint8' : 'float32');

function stepGraph(plan: Plan, state: readonly StateSpec[], samples: number, labelled: boolean): Graph {
  const graph = new Graph('training-step');
  const inputs: StepInputs = {
    state: new Map(state.map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)])),
    real: graph.input('real', dataType(plan.sample), [samples, ...plan.sample.shape]),
    ...(labelled ? { labels: graph.input('labels', 'int32', [samples]) } : {}),
    controls: graph.input('controls', 'float32', [plan.controls.length]),
    seed: graph.input('seed', 'int32', []),
    step: graph.input('step', 'int32', []),
  };
  const { next, telemetry } = trainingStep(graph, plan, inputs);
  for (const { name } of state) graph.output(`next/${name}`, next.get(name)!);
  graph.output('telemetry', telemetry);
  return graph;
}

function loopGraph(plan: Plan, state: readonly StateSpec[], samples: number, labelled: boolean): Graph {
  const graph = new Graph('training-loop');
  const initial = state.map(({ name, dtype, shape }) => graph.input(name, dtype, shape));
  const real = graph.input('real', dataType(plan.sample), ['K', samples, ...plan.sample.shape]);
  const labels = labelled ? graph.input('labels', 'int32', ['K', samples]) : undefined;
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
  const inputs = body.scope('iteration', () => ({
    state: carried,
    real: gather(real, iteration),
    ...(labels ? { labels: gather(labels, iteration) } : {}),
    controls: gather(controls, iteration),
    seed,
    step: add(step, cast(iteration, 'int32')),
  }));
  const { next, telemetry } = trainingStep(body, plan, inputs);
  body.output('continue', body.constant(tensor('bool', [1], [])));
  for (const { name } of state) body.output(`next/${name}`, next.get(name)!);
  body.output('telemetry', telemetry);

  const results = graph.scope('steps', () => loop(steps, body, initial));
  state.forEach(({ name }, i) => {
    graph.output(`next/${name}`, results[i]!);
  });
  graph.output('telemetry', results[state.length]!);
  return graph;
}
