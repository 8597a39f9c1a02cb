import { availableParallelism } from 'node:os';
import { access } from 'node:fs/promises';
import { parse } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { ganxVersion } from '../artifacts/version.ts';
import { GraphError } from '../graph-builder/errors.ts';
import { buildProgram } from '../graph-builder/program.ts';
import type { Recipe, SampleSpec } from '../graph-builder/recipe.ts';
import { openDataset } from './data/dataset.ts';
import type { Dataset } from './data/dataset.ts';
import { parseDevice } from './device.ts';
import type { TrainEvent } from './events.ts';
import { changeRecipe, resolveRecipe } from './recipe.ts';
import { checkSameRun, parseRunConfig } from './run-config.ts';
import type { RunConfig } from './run-config.ts';

export interface TrainOptions {
  /** IDX file or folder, folder or tar of images, `ring8`, `grid25`; absent: the digits that ship with ganx. */
  readonly data?: string | undefined;
  /** Preset or recipe file; default `dcgan`, for points `mlp`. */
  readonly recipe?: string | undefined;
  /** `path=value` changes of the recipe. */
  readonly set?: readonly string[] | undefined;
  /** Run folder; default `runs/<data>-<recipe>`, numbered where that is taken. */
  readonly out?: string | undefined;
  /** Length of the run; one of the three. Default 2,000 steps. */
  readonly steps?: number | undefined;
  readonly epochs?: number | undefined;
  readonly minutes?: number | undefined;
  /** Samples a step; default the recipe's. */
  readonly batch?: number | undefined;
  /** Pixels of a side; default 32. */
  readonly size?: number | undefined;
  readonly device?: string | undefined;
  /** Threads of onnxruntime; default all cores. */
  readonly threads?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Goes on with the run in `out`. */
  readonly resume?: boolean | undefined;
  /** Steps between sample grids; 0 = only the last. Default 250. */
  readonly sampleEvery?: number | undefined;
  /** Steps between checkpoints; 0 = only the last. Default 1000. */
  readonly checkpointEvery?: number | undefined;
  /** When training diverges: `stop`, or `rollback` to the last good state with halved learning rates. Default `stop`. */
  readonly onDiverge?: 'stop' | 'rollback' | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Ends the run after the current steps, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunPlan {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly folderPath: string;
  readonly resumed: boolean;
  readonly deadlineMinutes: number | undefined;
}

const defaultSteps = 2000;
const defaultSize = 32;
/** A run of a given time has no last step; this one is not reached. */
const unbounded = 2 ** 31 - 1;

/** Turns options into a run that can start: every option checked, the data read, nothing written. */
export async function planRun(options: TrainOptions): Promise<RunPlan> {
  checkLength(options);
  const stored = options.resume ? await storedConfig(options.out) : undefined;
  // Before the data is read, which can take minutes.
  if (options.out !== undefined && !stored) await (await RunFolder.create(options.out)).discardIfEmpty();
  const size = options.size ?? stored?.size ?? defaultSize;
  const source = options.data ?? stored?.data ?? undefined;
  const device = options.device ?? stored?.device ?? 'auto';
  parseDevice(device);

  const isPoints = source === 'ring8' || source === 'grid25';
  const base =
    stored && options.recipe === undefined
      ? changeRecipe(stored.recipe, options.set ?? [])
      : await resolveRecipe(options.recipe ?? (isPoints ? 'mlp' : 'dcgan'), options.set);
  const recipe: Recipe = options.batch === undefined ? base : { ...base, batch: options.batch };

  const dataset = await openDataset(source, {
    size,
    channels: 'auto',
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const sample = {
    kind: dataset.kind,
    shape: [...dataset.sampleShape],
    classes: dataset.classes.length,
  };
  checkFits(recipe, sample, dataset);

  const config: RunConfig = {
    format: 'ganx.run',
    formatVersion: 1,
    ganxVersion,
    recipe,
    data: source ?? null,
    dataName: dataset.name,
    samples: dataset.count,
    sample,
    classes: [...dataset.classes],
    size,
    seed: options.seed ?? stored?.seed ?? 0,
    steps: lengthOf(options, stored, dataset, recipe.batch * recipe.techniques.discriminatorSteps),
    device,
    threads: options.threads ?? stored?.threads ?? availableParallelism(),
  };
  if (stored) checkSameRun(stored, config, options.out!);
  return {
    config,
    dataset,
    folderPath: options.out ?? (await freeFolder(`runs/${parse(dataset.name).name}-${recipe.name}`)),
    resumed: stored !== undefined,
    deadlineMinutes: options.minutes,
  };
}

function checkLength({ steps, epochs, minutes }: TrainOptions): void {
  const given = Object.entries({ steps, epochs, minutes }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new InputError(
      `${given.map(([name]) => `--${name}`).join(' and ')}: only one can say how long to train`,
    );
}

function lengthOf(
  options: TrainOptions,
  stored: RunConfig | undefined,
  dataset: Dataset,
  batch: number,
): number {
  if (options.steps !== undefined) return options.steps;
  if (options.epochs !== undefined) return Math.max(1, Math.round((options.epochs * dataset.count) / batch));
  if (options.minutes !== undefined) return unbounded;
  return stored?.steps ?? defaultSteps;
}

async function storedConfig(out: string | undefined): Promise<RunConfig> {
  if (out === undefined) throw new InputError('--resume: needs --out, the folder of the run to go on with');
  const folder = await RunFolder.open(out);
  return parseRunConfig(await folder.readRecipe(), folder.recipe);
}

/** Refuses a recipe that cannot make such samples, and a batch that the data cannot fill. */
function checkFits(recipe: Recipe, sample: SampleSpec, dataset: Dataset): void {
  if (recipe.batch > dataset.count)
    throw new InputError(
      `--batch: ${recipe.batch} is larger than the data, ${dataset.count} samples in ${dataset.name}`,
    );
  try {
    // A step too: some settings contradict each other only there.
    buildProgram(recipe, sample).stepGraph();
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

/** `base`, or `base-2`, `base-3`, ... where that is taken. */
async function freeFolder(base: string): Promise<string> {
  for (let n = 1; ; n++) {
    const path = n === 1 ? base : `${base}-${n}`;
    try {
      await access(path);
    } catch {
      return path;
    }
  }
}
