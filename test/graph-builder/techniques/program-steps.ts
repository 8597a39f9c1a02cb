import { initialize } from '../../../graph-builder/initializer.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import type { TrainingProgram } from '../../../graph-builder/program.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { RandomStreams } from '../../../graph-builder/random.ts';
import type { Recipe, SampleSpec } from '../../../graph-builder/recipe.ts';
import type { TechniqueOptions } from '../../../graph-builder/recipe.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';
import type { StepContext, TechniqueHooks } from '../../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../../graph-builder/types.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { images, mlp, points, randomBatches, recipeOf } from '../../parity/recipes.ts';
import type { State, Trained } from '../../parity/training-run.ts';
import { TrainingModel } from '../../parity/training-run.ts';

export const seed = 3;
export { images, points };

/** A small fully connected recipe with only the given techniques on. */
export const pointsRecipe = (
  techniques: Partial<TechniqueOptions> = {},
  changes: Partial<Recipe> = {},
): Recipe => recipeOf(mlp, { ...changes, techniques: { ...techniquesOff, ...techniques } });

export const stateOf = (program: TrainingProgram): State =>
  new Map(program.state.map((spec) => [spec.name, initialize(spec, seed)]));

/** Trains with the step driver, from the initial state or from another. */
export async function trainSteps(
  recipe: Recipe,
  sample: SampleSpec,
  steps: number,
  options: { readonly from?: number; readonly state?: State; readonly labels?: Tensor } = {},
): Promise<Trained & { readonly program: TrainingProgram; readonly states: readonly State[] }> {
  const program = buildProgram(recipe, sample);
  const model = await TrainingModel.load(program, 'cpu', 'step');
  const from = options.from ?? 0;
  const batches = {
    seed,
    real: randomBatches({ ...recipe, batch: program.samplesPerStep }, sample, from + steps),
    ...(options.labels ? { labels: options.labels } : {}),
  };
  const states: State[] = [];
  const telemetry: Float32Array[] = [];
  let state = options.state ?? stateOf(program);
  try {
    for (let step = from; step < from + steps; step++) {
      const trained = await model.train(state, batches, step, step + 1);
      state = trained.state;
      states.push(state);
      telemetry.push(...trained.telemetry);
    }
  } finally {
    await model.release();
  }
  return { program, state, states, telemetry };
}

/** Data of a tensor of the state. */
export const dataOf = (state: State, name: string): Tensor['data'] => state.get(name)!.data;

/** Names of the trained tensors of a network. */
export const parametersOf = (program: TrainingProgram, network: 'generator' | 'discriminator'): string[] =>
  program[network].parameters.map(({ name }) => name);

/** Hooks on a graph of their own: controls at a step, states as inputs, what they set as outputs `next/<name>`. */
export function sketch(hooks: TechniqueHooks, atStep = 0, context: Partial<StepContext> = {}) {
  const graph = new Graph('technique');
  const scalar = (value: number) => graph.constant(tensor('int32', [value], []));
  const states = new Map<string, Value>(
    (hooks.state?.({}) ?? []).map(({ name, dtype, shape }) => [name, graph.input(name, dtype, shape)]),
  );
  const step: StepContext = {
    graph,
    random: RandomStreams.of(graph, scalar(seed), scalar(atStep)),
    control: (name) => {
      const known = hooks.controls!.find((control) => control.name === name)!;
      return graph.scalar(known.at(atStep));
    },
    step: scalar(atStep),
    state: (name) => states.get(name)!,
    setState: (name, value) => {
      graph.output(`next/${name}`, value);
    },
    networks: {},
    ...context,
  };
  return { graph, step };
}

/** A constant of one value. */
export const filled = (graph: Graph, shape: readonly number[], value: number): Value =>
  graph.constant({
    dtype: 'float32',
    shape,
    data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
  });

export const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

export const deviation = (values: ArrayLike<number>): number => {
  const center = mean(values);
  return Math.sqrt(mean(Float64Array.from({ length: values.length }, (_, i) => (values[i]! - center) ** 2)));
};
