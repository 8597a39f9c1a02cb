import { encodeMetadata } from '../artifacts/metadata.ts';
import { writeFileAtomic } from '../artifacts/files.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { discriminatorGraph, generatorGraph, isRandom } from '../graph-builder/export.ts';
import { averageName } from '../graph-builder/program.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { techniqueNames } from '../graph-builder/techniques/index.ts';
import type { Tensor } from '../graph-builder/types.ts';

/** State tensor behind each of the exported generator's tensors: its running average where there is one. */
export function generatorSources(program: TrainingProgram): Map<string, string> {
  const specs = [...program.generator.parameters, ...program.generator.statistics];
  const averaged = program.recipe.emaDecay > 0;
  return new Map(specs.map(({ name }) => [name, averaged ? averageName(name) : name]));
}

/** Writes generator.onnx and discriminator.onnx from a training state. */
export async function exportNetworks(
  folder: RunFolder,
  program: TrainingProgram,
  state: ReadonlyMap<string, Tensor>,
  steps: number,
): Promise<void> {
  const { recipe, sample } = program;
  const tensors = new Map([...generatorSources(program)].map(([name, source]) => [name, state.get(source)!]));
  const parameterCount = program.generator.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );
  const metadata = encodeMetadata({
    ganxVersion,
    recipe: recipe.name,
    kind: sample.kind,
    zDim: recipe.network.zDim,
    shape: sample.shape,
    ...(sample.kind === 'images' ? { valueRange: [-1, 1] as const } : {}),
    // The networks know no labels yet, whatever the data has.
    classes: [],
    conditional: false,
    random: isRandom(recipe),
    techniques: techniqueNames(recipe),
    weights: recipe.emaDecay > 0 ? 'ema' : 'live',
    steps,
    images: steps * recipe.batch,
    parameterCount,
  });
  const generator = compile(generatorGraph(program, tensors), 'portable');
  await writeFileAtomic(folder.generator, encodeModel(generator, { metadata, producerVersion: ganxVersion }));
  const discriminator = compile(discriminatorGraph(program, state), 'portable');
  await writeFileAtomic(
    folder.discriminator,
    encodeModel(discriminator, {
      metadata: { format: 'ganx.discriminator', formatVersion: '1', ganxVersion, recipe: recipe.name },
      producerVersion: ganxVersion,
    }),
  );
}
