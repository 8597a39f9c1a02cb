import { encodeMetadata } from '../../artifacts/metadata.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { Pass } from '../../graph-builder/layers/pass.ts';
import { concat, reshape } from '../../graph-builder/ops/movement.ts';
import { RandomStreams } from '../../graph-builder/random.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { dropout } from '../../graph-builder/techniques/14-dropout.ts';
import { presets } from '../../training/presets.ts';
import { dropoutRecipe, generatorModel, grey, metadataOf, plainRecipe } from '../inference/generators.ts';

const { acgan } = presets as { readonly acgan: Recipe };

/** A conditional DCGAN with dropout in its first block: every input and most operators that generators have. */
export const drawing = generatorModel({ ...acgan, network: dropoutRecipe.network }, { ...grey, classes: 3 }, [
  'cat',
  'dog',
  'fox',
]);

/** Elements of one channel of `randomness`. */
export const channel = 64;

/**
 * The random numbers of a generator for all to see, z [N, 64] to images [N, 4, 8, 8]: a mask that keeps a quarter,
 * uniform numbers, normal numbers, and z as half of it comes through dropout.
 */
export const randomness: Uint8Array = (() => {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', channel]);
  const random = RandomStreams.of(graph, graph.input('seed', 'int32', []), graph.scalar(0, 'int32'));
  const pass = new Pass({ graph, network: 'generator', training: false, random });
  const technique = dropout.hooks(
    { ...plainRecipe, techniques: { ...plainRecipe.techniques, dropout: { rate: 0.5, layers: 1 } } },
    grey,
  );
  const shape = ['N', channel];
  const rows = [
    random.mask('mask', shape, 0.25),
    random.uniform('uniform', shape),
    random.normal('normal', shape),
    technique!.generatorLayer!(pass, z, 0, 1),
  ];
  graph.output('images', reshape(concat(rows, 1), ['N', 4, 8, 8]));
  const metadata = { ...metadataOf(plainRecipe, grey), zDim: channel, shape: [4, 8, 8], random: true };
  return encodeModel(compile(graph, 'portable'), { metadata: encodeMetadata(metadata) });
})();
