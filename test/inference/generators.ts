import { encodeMetadata } from '../../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { discriminatorGraph, encoderGraph, generatorGraph } from '../../graph-builder/export.ts';
import type { GeneratorOptions } from '../../graph-builder/export.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { initialize } from '../../graph-builder/initializer.ts';
import { add, cast, mul } from '../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import type { Recipe, SampleSpec } from '../../graph-builder/recipe.ts';
import { RandomStreams } from '../../graph-builder/random.ts';
import { Pass } from '../../graph-builder/layers/pass.ts';
import { dropout } from '../../graph-builder/techniques/14-dropout.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { presets } from '../../training/presets.ts';

const { dcgan, mlp } = presets as { readonly dcgan: Recipe; readonly mlp: Recipe };

/** A small DCGAN for 16 x 16 images; half of its first block is dropped, in the export too. */
export const dropoutRecipe: Recipe = {
  ...dcgan,
  network: { ...dcgan.network, zDim: 12, filters: 4 } as never,
};

export const plainRecipe: Recipe = {
  ...dropoutRecipe,
  techniques: { ...dropoutRecipe.techniques, dropout: { rate: 0, layers: 0 } },
};

export const pointsRecipe: Recipe = { ...mlp, network: { ...mlp.network, zDim: 4, hidden: 16 } as never };

export const grey: SampleSpec = { kind: 'images', shape: [1, 16, 16] };
export const points: SampleSpec = { kind: 'points', shape: [2] };

/** Untrained networks, with weights large enough that their output is not flat. */
function networks(recipe: Recipe, sample: SampleSpec, gain = 15) {
  const program = buildProgram(recipe, sample);
  const tensors = new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)]));
  for (const [name, { data }] of tensors)
    if (name.endsWith('weight') && data instanceof Float32Array && !name.includes('norm'))
      for (let i = 0; i < data.length; i++) data[i]! *= gain;
  return { program, tensors };
}

export function metadataOf(recipe: Recipe, sample: SampleSpec): GeneratorMetadata {
  return {
    ganxVersion: '0.0.0',
    recipe: recipe.name,
    kind: sample.kind,
    zDim: recipe.network.zDim,
    shape: sample.shape,
    ...(sample.kind === 'images' && { valueRange: [-1, 1] }),
    classes: [],
    conditional: buildProgram(recipe, sample).labelled,
    latent: 'normal',
    random: buildProgram(recipe, sample).randomAtInference,
    techniques: [],
    weights: 'live',
    steps: 0,
    images: 0,
    parameterCount: 0,
  };
}

/** generator.onnx of an untrained recipe, its initial weights times `gain`. */
export function generatorModel(
  recipe: Recipe,
  sample: SampleSpec,
  names: readonly string[] = [],
  { gain, ...options }: GeneratorOptions & { readonly gain?: number } = {},
): Uint8Array {
  const { program, tensors } = networks(recipe, sample, gain);
  const metadata = encodeMetadata({ ...metadataOf(recipe, sample), classes: names });
  return encodeModel(compile(generatorGraph(program, tensors, options), 'portable'), { metadata });
}

export function discriminatorModel(recipe: Recipe, sample: SampleSpec): Uint8Array {
  const { program, tensors } = networks(recipe, sample);
  return encodeModel(compile(discriminatorGraph(program, tensors), 'portable'), {
    metadata: { format: 'ganx.discriminator' },
  });
}

const { vaegan } = presets as { readonly vaegan: Recipe };

/** With an encoder, and without anything random. */
export const encoderRecipe: Recipe = { ...vaegan, network: dropoutRecipe.network };

/** encoder.onnx of `encoderRecipe`. */
export function encoderModel(): Uint8Array {
  const { program, tensors } = networks(encoderRecipe, grey);
  return encodeModel(compile(encoderGraph(program, tensors), 'portable'), {
    metadata: { format: 'ganx.encoder' },
  });
}

/** The technique alone as a model, z [N, 64] to y: what a generator's layer goes through. */
export function dropoutModel(rate: number): Uint8Array {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', 64]);
  const random = RandomStreams.of(graph, graph.input('seed', 'int32', []), graph.scalar(0, 'int32'));
  const pass = new Pass({ graph, network: 'generator', training: false, random });
  const recipe = { ...dcgan, techniques: { ...dcgan.techniques, dropout: { rate, layers: 1 } } };
  graph.output('y', dropout.hooks(recipe, grey)!.generatorLayer!(pass, z, 0, 1));
  return encodeModel(compile(graph, 'portable'));
}

export const classes = ['cat', 'dog', 'fox'];

/** z [N, 4] and label [N] to images [N, 1, 2, 2] = z / 10 + label: what went in can be read off. */
export function conditionalModel(metadata: Partial<GeneratorMetadata> = {}): Uint8Array {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', 4]);
  const label = cast(graph.input('label', 'int32', ['N']), 'float32');
  const images = add(reshape(mul(z, 0.1), ['N', 1, 2, 2]), reshape(label, ['N', 1, 1, 1]));
  graph.output('images', images);
  return encodeModel(compile(graph, 'portable'), {
    metadata: encodeMetadata({
      ...metadataOf(plainRecipe, grey),
      zDim: 4,
      shape: [1, 2, 2],
      classes,
      conditional: true,
      ...metadata,
    }),
  });
}
