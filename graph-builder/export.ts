import { Graph } from './graph.ts';
import type { Value } from './graph.ts';
import { GraphError } from './errors.ts';
import type { StateSpec } from './initializer.ts';
import { Pass } from './layers/pass.ts';
import type { NetworkState, PassOptions } from './layers/pass.ts';
import { cast } from './ops/elementwise.ts';
import type { GivenNetworks } from './networks/network.ts';
import { RandomStreams } from './random.ts';
import type { TrainingProgram } from './program.ts';
import type { SampleSpec } from './recipe.ts';
import { posterior } from './techniques/07-vae.ts';
import type { Tensor } from './types.ts';
import { tensor } from './types.ts';

export interface GeneratorOptions {
  /** Without dropout and noise, so that a latent has one picture. Default false: they stay on. */
  readonly deterministic?: boolean | undefined;
  /** Stores weights as float16, in half the space; they are computed with as float32. Default false. */
  readonly half?: boolean | undefined;
}

/** Where an inference graph takes a network's tensors from. */
type Source = (graph: Graph, spec: StateSpec) => Value;

/**
 * Weights become part of the model, under the names that they had where a network comes from elsewhere. Vectors are
 * small, and variances need their range: they are never halved.
 */
const embedded =
  (
    { given }: TrainingProgram,
    network: keyof GivenNetworks | 'encoder',
    tensors: ReadonlyMap<string, Tensor>,
    half = false,
  ): Source =>
  (graph, { name }) => {
    const data = tensors.get(name);
    if (!data) throw new GraphError('export', `tensor "${name}" is missing from the state`);
    const isGiven = network !== 'encoder' && given[network] !== undefined;
    const written = isGiven ? name.slice(network.length + 1) : name;
    if (!half || data.shape.length < 2) return graph.constant(data, written);
    const halved = tensor('float16', data.data as Float32Array, data.shape);
    return cast(graph.constant(halved, written), 'float32');
  };

/** Weights are inputs, fed with every run. */
const fed: Source = (graph, { name, dtype, shape }) => graph.input(name, dtype, shape);

/**
 * The generator for inference: `z` float32 [N, zDim] and, where dropout is on, `seed` int32 [] to `images` float32
 * [N, C, H, W] in [-1, 1] or `points` float32 [N, 2]. Batch norm uses running statistics; dropout stays on unless it is
 * to be deterministic.
 *
 * @param tensors the network's parameters and statistics by name
 */
export function generatorGraph(
  program: TrainingProgram,
  tensors: ReadonlyMap<string, Tensor>,
  { deterministic, half }: GeneratorOptions = {},
): Graph {
  return generator(program, embedded(program, 'generator', tensors, half), deterministic);
}

/** The same with the weights as inputs, to look at a generator while it is being trained. */
export function samplerGraph(
  program: TrainingProgram,
  { deterministic }: Pick<GeneratorOptions, 'deterministic'> = {},
): Graph {
  return generator(program, fed, deterministic);
}

/**
 * The discriminator for inference: `images` or `points` to `logits` float32 [N], higher means more real, and to what
 * further heads it has, such as `class` float32 [N, classes].
 */
export function discriminatorGraph(program: TrainingProgram, tensors: ReadonlyMap<string, Tensor>): Graph {
  const { sample } = program;
  const graph = new Graph('discriminator');
  const input = graph.input(outputName(sample), 'float32', ['N', ...sample.shape]);
  const pass = inference(
    graph,
    'discriminator',
    program.discriminator,
    embedded(program, 'discriminator', tensors),
  );
  const { logits, heads } = pass.run(program.networks.discriminator, input);
  graph.output('logits', logits);
  for (const [name, value] of heads) graph.output(name, value);
  return graph;
}

/** The encoder for inference: `images` to `mean` and `logVariance`, float32 [N, zDim], of their latents. */
export function encoderGraph(program: TrainingProgram, tensors: ReadonlyMap<string, Tensor>): Graph {
  const { recipe, sample, encoder, networks } = program;
  if (!encoder || !networks.encoder) throw new GraphError('export', `recipe ${recipe.name} has no encoder`);
  const graph = new Graph('encoder');
  const input = graph.input(outputName(sample), 'float32', ['N', ...sample.shape]);
  const pass = inference(graph, 'encoder', encoder, embedded(program, 'encoder', tensors));
  const encoded = pass.run(networks.encoder, input);
  const { mean, logVariance } = graph.scope('encoder', () => posterior(encoded, recipe.network.zDim));
  graph.output('mean', mean);
  graph.output('logVariance', logVariance);
  return graph;
}

function generator(program: TrainingProgram, source: Source, deterministic = false): Graph {
  const { recipe, sample } = program;
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', recipe.network.zDim]);
  const random =
    program.randomAtInference && !deterministic
      ? RandomStreams.of(graph, graph.input('seed', 'int32', []), graph.scalar(0, 'int32'))
      : undefined;
  const labels = program.labelled ? graph.input('label', 'int32', ['N']) : undefined;
  const pass = inference(graph, 'generator', program.generator, source, { random, labels, deterministic });
  graph.output(outputName(sample), pass.run(program.networks.generator, z));
  return graph;
}

const outputName = (sample: SampleSpec) => (sample.kind === 'images' ? 'images' : 'points');

function inference(
  graph: Graph,
  network: string,
  state: NetworkState,
  source: Source,
  given: Pick<PassOptions, 'random' | 'labels' | 'deterministic'> = {},
): Pass {
  const specs = [...state.parameters, ...state.statistics];
  const values = new Map(specs.map((spec) => [spec.name, source(graph, spec)]));
  return new Pass({ graph, network, values, training: false, ...given });
}
