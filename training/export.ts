import { encodeMetadata } from '../artifacts/metadata.ts';
import { writeFileAtomic } from '../artifacts/files.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { discriminatorGraph, encoderGraph, generatorGraph } from '../graph-builder/export.ts';
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

/**
 * Writes generator.onnx, discriminator.onnx and, where there is one, encoder.onnx from a training state.
 *
 * @param classes names of the classes of the data
 */
export async function exportNetworks(
  folder: RunFolder,
  program: TrainingProgram,
  classes: readonly string[],
  state: ReadonlyMap<string, Tensor>,
  steps: number,
): Promise<void> {
  const { recipe, sample } = program;
  const tensors = new Map([...generatorSources(program)].map(([name, source]) => [name, state.get(source)!]));
  const parameterCount = program.generator.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
    0,
  );
  // Enough to make the networks anew elsewhere, as the Python package does.
  const definition = { settings: JSON.stringify(recipe), sample: JSON.stringify(sample) };
  const metadata = encodeMetadata({
    ganxVersion,
    recipe: recipe.name,
    kind: sample.kind,
    zDim: recipe.network.zDim,
    shape: sample.shape,
    ...(sample.kind === 'images' ? { valueRange: [-1, 1] as const } : {}),
    classes: program.labelled ? classes : [],
    conditional: program.labelled,
    random: program.randomAtInference,
    latent: recipe.techniques.latent,
    techniques: techniqueNames(recipe, sample),
    weights: recipe.emaDecay > 0 ? 'ema' : 'live',
    steps,
    images: steps * program.samplesPerStep,
    parameterCount,
  });
  const generator = compile(generatorGraph(program, tensors), 'portable');
  await writeFileAtomic(
    folder.generator,
    encodeModel(generator, { metadata: { ...metadata, ...definition }, producerVersion: ganxVersion }),
  );
  const further = {
    discriminator: discriminatorGraph(program, state),
    ...(program.encoder ? { encoder: encoderGraph(program, state) } : {}),
  };
  for (const [network, graph] of Object.entries(further))
    await writeFileAtomic(
      folder[network as keyof typeof further],
      encodeModel(compile(graph, 'portable'), {
        metadata: {
          format: `ganx.${network}`,
          formatVersion: '1',
          ganxVersion,
          recipe: recipe.name,
          ...definition,
        },
        producerVersion: ganxVersion,
      }),
    );
}
