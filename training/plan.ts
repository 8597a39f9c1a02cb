import { availableParallelism, totalmem } from 'node:os';
import { isAbsolute, parse, resolve } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { pathExists } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { GraphError } from '../graph-builder/errors.ts';
import { dcganSizes } from '../graph-builder/networks/dcgan.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import { openDataset } from './data/dataset.ts';
import type { Dataset } from './data/dataset.ts';
import { fingerprint } from './data/fingerprint.ts';
import { mixtures } from './data/mixtures.ts';
import { chooseDevice } from './device/choose.ts';
import type { Choice } from './device/choose.ts';
import { deviceName, parseAsked } from './device/device.ts';
import { ImportedNetworks } from './imported.ts';
import { lengthOf } from './length.ts';
import { usual } from './options.ts';
import type { TrainOptions } from './options.ts';
import { changeRecipe, resolveRecipe } from './recipe.ts';
import { checkSameData, checkSameSettings, parseRunConfig } from './run-config.ts';
import type { FixedSettings, RunConfig } from './run-config.ts';
import { programOf } from './run-program.ts';

export interface RunPlan {
  readonly config: RunConfig;
  readonly program: TrainingProgram;
  readonly device: Choice;
  readonly dataset: Dataset;
  /** Networks from ONNX files. */
  readonly imports: ImportedNetworks;
  /** Makes the folder of a new run, which no other process can then have. */
  readonly createFolder: () => Promise<RunFolder>;
  readonly deadlineMinutes: number | undefined;
}

const defaultSize = 32;

/**
 * Turns options into a run that can start: everything checked, the device tried, the data read, nothing written.
 *
 * @param resumed folder of the run that goes on
 */
export async function planRun(options: TrainOptions, resumed: RunFolder | undefined): Promise<RunPlan> {
  const stored = resumed && parseRunConfig(await resumed.readRecipe(), resumed.recipe);
  // Before the data is read, which can take minutes.
  if (options.out !== undefined && !stored) await (await RunFolder.create(options.out)).discardIfEmpty();
  const imports = await ImportedNetworks.read(options, resumed, stored);
  const size = options.size ?? stored?.size ?? imports.imageShape?.[2] ?? defaultSize;
  const source = options.data ?? stored?.data ?? undefined;
  const asked = parseAsked(options.device ?? stored?.device ?? 'auto');

  const isFile = source !== undefined && (await pathExists(source));
  if (resumed && stored?.data && options.data === undefined && isAbsolute(stored.data) && !isFile)
    throw new InputError(
      `${resumed.path}: its data are no longer at ${stored.data}; name where they are: ganx train <data> --resume --out ${resumed.path}`,
    );
  const isPoints = source !== undefined && !isFile && mixtures.has(source);
  const base =
    stored && options.recipe === undefined
      ? changeRecipe(stored.recipe, options.set ?? [])
      : await resolveRecipe(options.recipe ?? defaultRecipe(imports, isPoints), options.set);
  const recipe: Recipe = imports.apply(
    options.batch === undefined ? base : { ...base, batch: options.batch },
    options.set,
  );
  const fixed: FixedSettings = {
    recipe,
    size,
    seed: options.seed ?? stored?.seed ?? 0,
    imported: imports.config,
  };
  if (resumed && stored) checkSameSettings(stored, fixed, resumed.path);
  checkSize(recipe, size, isPoints);

  const [dataset, device] = await together(
    options.signal,
    (signal) => openDataset(source, { size, channels: channelsOf(imports), signal }),
    (signal) => chooseDevice(asked, signal),
  );
  const data = {
    dataName: dataset.name,
    dataSha256: await fingerprint(dataset, options.signal),
    samples: dataset.count,
  };
  if (resumed && stored) checkSameData(stored, data, resumed.path);
  const sample = {
    kind: dataset.kind,
    shape: [...dataset.sampleShape],
    classes: dataset.classes.length,
  };
  const program = checkFits({ recipe, sample }, dataset, imports);

  const config: RunConfig = {
    format: 'ganx.run',
    formatVersion: 1,
    ganxVersion,
    ...fixed,
    data: isFile ? resolve(source) : (source ?? null),
    ...data,
    sample,
    classes: [...dataset.classes],
    steps: lengthOf(options, stored, recipe, dataset, program.samplesPerStep),
    sampleEvery: options.sampleEvery ?? stored?.sampleEvery ?? usual.sampleEvery,
    checkpointEvery: options.checkpointEvery ?? stored?.checkpointEvery ?? usual.checkpointEvery,
    onDiverge: options.onDiverge ?? stored?.onDiverge ?? usual.onDiverge,
    device: deviceName(device.device),
    threads: options.threads ?? stored?.threads ?? availableParallelism(),
    // What was measured counts for the same device and threads.
    ...(stored?.execution && stored.device === deviceName(device.device) && options.threads === undefined
      ? { execution: stored.execution }
      : {}),
  };
  return {
    config,
    program,
    device,
    dataset,
    imports,
    createFolder: () =>
      options.out === undefined
        ? RunFolder.createNumbered(`runs/${parse(resolve(dataset.name)).name}-${recipe.name}`)
        : RunFolder.create(options.out),
    deadlineMinutes: options.minutes,
  };
}

/** Does two things at once; where one fails, the other is given up. */
async function together<A, B>(
  outer: AbortSignal | undefined,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const failed = new AbortController();
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal;
  try {
    return await Promise.all([first(signal), second(signal)]);
  } catch (error) {
    failed.abort();
    throw error;
  }
}

function defaultRecipe(imports: ImportedNetworks, isPoints: boolean): string {
  if (isPoints) return 'mlp';
  return imports.any ? 'finetune' : 'dcgan';
}

/** Images get the channels that imported networks are made for. */
function channelsOf(imports: ImportedNetworks): 'auto' | 1 | 3 {
  const [channels] = imports.imageShape ?? [];
  return channels === 1 || channels === 3 ? channels : 'auto';
}

/** Refuses a size that the networks cannot have, before the data are read. */
function checkSize({ name, network }: Recipe, size: number, isPoints: boolean): void {
  if (network.kind === 'dcgan' && !isPoints && !dcganSizes.some((known) => known === size))
    throw new InputError(
      `--size: ${size} must be ${dcganSizes.slice(0, -1).join(', ')} or ${dcganSizes.at(-1)!} for the recipe ${name}`,
    );
}

/** The program of a recipe; refuses one that cannot make such samples, and a batch that the data cannot fill. */
function checkFits(
  config: Pick<RunConfig, 'recipe' | 'sample'>,
  dataset: Dataset,
  imports: ImportedNetworks,
): TrainingProgram {
  const { recipe, sample } = config;
  if (recipe.batch > dataset.count)
    throw new InputError(
      `--batch: ${recipe.batch} is larger than the data, ${dataset.count} samples in ${dataset.name}`,
    );
  try {
    const program = programOf(config, imports);
    checkMemory(program, recipe);
    // A step too: some settings contradict each other only there.
    program.stepGraph();
    return program;
  } catch (error) {
    if (error instanceof GraphError)
      throw new InputError(
        `recipe ${recipe.name} cannot make ${sample.kind} [${String(sample.shape)}]: ${error.message}`,
        {
          cause: error,
        },
      );
    throw error;
  }
}

/** Refuses networks whose state this machine cannot hold: a step takes it and gives a new one. */
function checkMemory({ state }: TrainingProgram, { name }: Recipe): void {
  const bytes = state.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 4), 0);
  if (2 * bytes > totalmem())
    throw new InputError(
      `recipe ${name}: its state takes ${(bytes / 2 ** 30).toFixed(1)} GiB, a step twice that, and this machine has ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory; choose smaller networks or another --size`,
    );
}
