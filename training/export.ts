import { InputError } from '../artifacts/errors.ts';
import { encodeMetadata } from '../artifacts/metadata.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { discriminatorGraph, encoderGraph, generatorGraph } from '../graph-builder/export.ts';
import type { GeneratorOptions } from '../graph-builder/export.ts';
import { encodeSafetensors } from '../artifacts/safetensors.ts';
import { averageName } from '../graph-builder/program.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { techniqueNames } from '../graph-builder/techniques/index.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { checkGenerator } from './check-generator.ts';
import type { ImportedNetworks } from './imported.ts';

export type Weights = 'ema' | 'live';

export interface ExportOptions extends GeneratorOptions {
  /** The running average of the weights or the weights themselves; default the average where the recipe keeps one. */
  readonly weights?: Weights | undefined;
}

/** What training has come to. */
export interface Trained {
  readonly program: TrainingProgram;
  readonly imports: ImportedNetworks;
  /** Names of the classes of the data. */
  readonly classes: readonly string[];
  readonly state: ReadonlyMap<string, Tensor>;
  readonly steps: number;
}

/** Enough to make the networks anew elsewhere, as the Python package does. */
const definitionOf = ({ recipe, sample }: TrainingProgram) => ({
  settings: JSON.stringify(recipe),
  sample: JSON.stringify(sample),
});

const defaultWeights = ({ recipe }: TrainingProgram): Weights => (recipe.emaDecay > 0 ? 'ema' : 'live');

/** State tensor behind each of the generator's tensors. */
export function generatorSources(
  program: TrainingProgram,
  weights: Weights = defaultWeights(program),
): Map<string, string> {
  const specs = [...program.generator.parameters, ...program.generator.statistics];
  return new Map(specs.map(({ name }) => [name, weights === 'ema' ? averageName(name) : name]));
}

/**
 * generator.onnx, which has been run once and draws what the generator in training draws.
 *
 * @throws InputError where the recipe has no such weights, or half precision is too little for them.
 */
export async function encodeGenerator(trained: Trained, options: ExportOptions = {}): Promise<Uint8Array> {
  const { program, classes, state, steps } = trained;
  const { recipe, sample } = program;
  const { weights = defaultWeights(program), deterministic = false } = options;
  if (weights === 'ema' && !(recipe.emaDecay > 0))
    throw new InputError(`--weights: ema, but the recipe ${recipe.name} keeps no average; use live`);
  const sources = generatorSources(program, weights);
  const tensors = new Map([...sources].map(([name, source]) => [name, state.get(source)!]));
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
    random: program.randomAtInference && !deterministic,
    latent: recipe.techniques.latent,
    techniques: techniqueNames(recipe, sample),
    weights,
    steps,
    images: steps * program.samplesPerStep,
    parameterCount,
  });
  const graph = compile(generatorGraph(program, tensors, options), 'portable');
  const bytes = encodeModel(graph, {
    metadata: { ...metadata, ...definitionOf(program) },
    producerVersion: ganxVersion,
  });
  await checkGenerator(bytes, program, tensors, options);
  return bytes;
}

/** discriminator.onnx and, where there is one, encoder.onnx. */
function encodeOthers({ program, state }: Trained): Map<'discriminator' | 'encoder', Uint8Array> {
  const graphs = new Map([
    ['discriminator' as const, discriminatorGraph(program, state)],
    ...(program.encoder ? [['encoder' as const, encoderGraph(program, state)] as const] : []),
  ]);
  return new Map(
    [...graphs].map(([network, graph]) => [
      network,
      encodeModel(compile(graph, 'portable'), {
        metadata: {
          format: `ganx.${network}`,
          formatVersion: '1',
          ganxVersion,
          recipe: program.recipe.name,
          ...definitionOf(program),
        },
        producerVersion: ganxVersion,
      }),
    ]),
  );
}

/** Tensors of an imported network under the names that they had, for PyTorch; undefined for one of ganx's own. */
function encodeWeights(
  { program, imports, state }: Trained,
  network: 'generator' | 'discriminator',
  { weights = defaultWeights(program) }: ExportOptions,
): Uint8Array | undefined {
  const sources = network === 'generator' ? generatorSources(program, weights) : new Map<string, string>();
  const tensors = imports.tensorsOf(network, (own) => {
    const name = `${network}/${own}`;
    return state.get(sources.get(name) ?? name);
  });
  return tensors && encodeSafetensors(tensors, { format: 'pt' });
}

/** Writes the networks into the folder of their run, each file whole or not at all; returns their paths. */
export async function exportNetworks(
  folder: RunFolder,
  trained: Trained,
  options: ExportOptions = {},
): Promise<string[]> {
  const files = new Map<string, Uint8Array>([[folder.generator, await encodeGenerator(trained, options)]]);
  for (const [network, bytes] of encodeOthers(trained)) files.set(folder[network], bytes);
  for (const network of ['generator', 'discriminator'] as const) {
    const bytes = encodeWeights(trained, network, options);
    if (bytes) files.set(folder.weightsPath(network), bytes);
  }
  for (const [path, bytes] of files) await folder.writeFile(path, bytes);
  return [...files.keys()];
}
