import { afterEach, expect, test } from 'vitest';
import { encodeMetadata } from '../../artifacts/metadata.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { loadRuntime } from '../../artifacts/onnxruntime-node.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { scatterElements } from '../../graph-builder/ops/indexing.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { tensor } from '../../graph-builder/types.ts';
import { CompiledModel } from '../../inference/compiled-model.ts';
import { Generator } from '../../inference/node.ts';
import type { LoadSettings } from '../../inference/node.ts';
import { nodeRuntime } from '../../inference/onnxruntime-node.ts';
import { RowModel } from '../../inference/row-model.ts';
import { presets } from '../../training/presets.ts';
import {
  classes,
  dropoutRecipe,
  generatorModel,
  grey,
  metadataOf,
  plainRecipe,
  points,
  pointsRecipe,
} from './generators.ts';

const opened: Generator[] = [];
afterEach(async () => {
  for (const generator of opened.splice(0)) await generator.dispose();
});

async function load(bytes: Uint8Array, settings: LoadSettings = {}): Promise<Generator> {
  const generator = await Generator.load(bytes, { threads: 1, ...settings });
  opened.push(generator);
  return generator;
}

/** As large as trained weights are: what rounding makes of larger ones is larger too. */
const gain = 5;

/** With enough channels for convolutions by tiles. */
const wide = (recipe: Recipe): Recipe => ({
  ...recipe,
  network: { ...recipe.network, filters: 16 } as never,
});
const acgan = wide({ ...(presets as { readonly acgan: Recipe }).acgan, network: dropoutRecipe.network });

test.each([
  ['with dropout', generatorModel(wide(dropoutRecipe), grey, [], { gain })],
  ['without', generatorModel(wide(plainRecipe), grey, [], { gain })],
  ['in half precision', generatorModel(wide(plainRecipe), grey, [], { gain, half: true })],
  ['of classes', generatorModel(acgan, { ...grey, classes: classes.length }, classes, { gain })],
  ['of points', generatorModel(pointsRecipe, points)],
])('a compiled generator draws the same: %s', async (_, bytes) => {
  const [plain, compiled] = [await load(bytes), await load(bytes, { compile: true })];
  expect(compiled.backend).toEqual({ device: 'cpu', threads: 1, compiled: true });
  const spread = (data: Float32Array) => Math.max(...data.slice(0, 256)) - Math.min(...data.slice(0, 256));
  const options = { seed: 3, ...(plain.metadata.conditional && { label: 1 }) };
  const [expected, found] = [await plain.sample(150, options), await compiled.sample(150, options)];
  expect(found.shape).toEqual(expected.shape);
  expect(spread(expected.data)).toBeGreaterThan(0.1);
  const largest = expected.data.reduce((most, x, i) => Math.max(most, Math.abs(x - found.data[i]!)), 0);
  expect(largest).toBeLessThan(1e-5);
  // What does not fill 64 runs in the file as it is.
  const size = expected.data.length / 150;
  expect(found.data.subarray(128 * size)).toEqual(expected.data.subarray(128 * size));
  expect((await compiled.sample(150, options)).data).toEqual(found.data);
  expect((await compiled.sample(64, { ...options, seed: 4 })).data).not.toEqual(
    found.data.subarray(0, 64 * size),
  );
  const [a, b] = [await plain.interpolate(1, 2, 5, options), await compiled.interpolate(1, 2, 5, options)];
  expect(b.data).toEqual(a.data);
});

test('what cannot be compiled runs as it is, and says why', async () => {
  const graph = new Graph('generator');
  const z = graph.input('z', 'float32', ['N', 4]);
  const [first, ones] = [tensor('int32', [0, 0, 0, 0], [1, 4]), tensor('float32', [1, 1, 1, 1], [1, 4])];
  const set = scatterElements(z, graph.constant(first), graph.constant(ones), 0);
  graph.output('images', reshape(set, ['N', 1, 2, 2]));
  const metadata = { ...metadataOf(plainRecipe, grey), zDim: 4, shape: [1, 2, 2] };
  const bytes = encodeModel(graph, { metadata: encodeMetadata(metadata) });
  const [plain, compiled] = [await load(bytes), await load(bytes, { compile: true })];
  expect(compiled.backend).toEqual({
    device: 'cpu',
    threads: 1,
    compiled: false,
    reason:
      'not compiled: generator: ScatterElements: is not among the operators that ganx imports (at ScatterElements)',
  });
  expect((await compiled.sample(70)).data).toEqual((await plain.sample(70)).data);
});

test('a compiled graph that drew something else would not be used', async () => {
  const runtime = nodeRuntime(await loadRuntime(), { threads: 1 });
  const source = 'generator';
  const plain = await RowModel.load(runtime, { bytes: generatorModel(plainRecipe, grey), source });
  const network = { ...plainRecipe.network, slope: 0.5 } as never;
  const changed = generatorModel({ ...plainRecipe, network }, grey);
  await expect(CompiledModel.load(runtime, { bytes: changed, source }, plain)).rejects.toThrow(
    /^its samples would differ by \d[\d.]*, more than 0\.0001$/,
  );
  await plain.dispose();
});
