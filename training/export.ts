import { encodeMetadata } from '../artifacts/metadata.ts';
import { writeFileAtomic } from '../artifacts/files.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { discriminatorGraph, encoderGraph, generatorGraph } from '../graph-builder/export.ts';
import { encodeSafetensors } from '../artifacts/safetensors.ts';
import { averageName } from '../graph-builder/program.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { techniqueNames } from '../graph-builder/techniques/index.ts';
import type { Tensor } from '../graph-builder/types.ts';
import type { ImportedNetworks } from './imported.ts';
import type { RunConfig } from './run-config.ts';

/** State tensor behind each of the exported generator's tensors: its running average where there is one. */
export function generatorSources(program: TrainingProgram): Map<string, string> {
  const specs = [...program.generator.parameters, ...program.generator.statistics];
  const averaged = program.recipe.emaDecay > 0;
  return new Map(specs.map(({ name }) => [name, averaged ? averageName(name) : name]));
}

/** What of a run an export needs. */
export interface Exporting {
  readonly folder: RunFolder;
  readonly program: TrainingProgram;
  readonly config: Pick<RunConfig, 'classes'>;
  readonly imports: ImportedNetworks;
}

/**
 * Writes generator.onnx, discriminator.onnx and, where there is one, encoder.onnx from a training state.
 *
 * An imported network is also written as safetensors, under the names that its tensors had.
 */
export async function exportNetworks(
  { folder, program, config: { classes }, imports }: Exporting,
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
  await writeFileAtomic(folder.generator, encodeModel(generator, { metadata, producerVersion: ganxVersion }));
  const further = {
    discriminator: discriminatorGraph(program, state),
    ...(program.encoder ? { encoder: encoderGraph(program, state) } : {}),
  };
  for (const [network, graph] of Object.entries(further))
    await writeFileAtomic(
      folder[network as keyof typeof further],
      encodeModel(compile(graph, 'portable'), {
        metadata: { format: `ganx.${network}`, formatVersion: '1', ganxVersion, recipe: recipe.name },
        producerVersion: ganxVersion,
      }),
    );
  for (const network of ['generator', 'discriminator'] as const) {
    const values = network === 'generator' ? tensors : state;
    const weights = imports.tensorsOf(network, (name) => values.get(`${network}/${name}`));
    if (weights)
      await writeFileAtomic(folder.weightsPath(network), encodeSafetensors(weights, { format: 'pt' }));
  }
}
