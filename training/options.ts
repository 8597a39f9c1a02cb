import { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';
import { checkOptions, text, truth } from './check-options.ts';
import type { TrainEvent } from './events.ts';

/** All that a run can be told. `ganx train` takes the same, spelled as flags. */
export interface TrainOptions {
  /** IDX file or folder, folder or tar of images, `ring8`, `grid25`; absent: the digits that ship with ganx. */
  readonly data?: string | undefined;
  /** Preset or recipe file; default `dcgan`, for points `mlp`, for imported networks `finetune`. */
  readonly recipe?: string | undefined;
  /** ONNX file of a network that is trained on in place of the recipe's generator. */
  readonly generator?: string | undefined;
  /** ONNX file of a network that is trained on in place of the recipe's discriminator. */
  readonly discriminator?: string | undefined;
  /** Patterns of names of tensors of imported networks that are not trained, with `*` for any text. */
  readonly freeze?: readonly string[] | undefined;
  /** `path=value` changes of the recipe. */
  readonly set?: readonly string[] | undefined;
  /** Run folder; default `runs/<data>-<recipe>`, numbered where that is taken. */
  readonly out?: string | undefined;
  /**
   * Length of the run; one of the three. Default 2,000 steps, or until the learning rates have decayed; of a resumed run
   * the length it was last given.
   */
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
  /**
   * Measures how the training runs fastest on this machine, in some seconds, and trains like that; what was measured is
   * kept for the same training on the same device. Default false: the usual way, which has the same numbers everywhere.
   */
  readonly autotune?: boolean | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Goes on with the run in `out`. */
  readonly resume?: boolean | undefined;
  /** Steps between sample grids; 0 = only the last. Default 250; of a resumed run what it had. */
  readonly sampleEvery?: number | undefined;
  /** Steps between checkpoints; 0 = only the last. Default 1000; of a resumed run what it had. */
  readonly checkpointEvery?: number | undefined;
  /**
   * When training diverges: `stop`, or `rollback` to the last good state with halved learning rates. Default `stop`; of a
   * resumed run what it had.
   */
  readonly onDiverge?: 'stop' | 'rollback' | undefined;
  /** What it throws or rejects with ends the run as `signal` does; `train` then rejects with it. It is not waited for. */
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Ends the run after the current steps, with a checkpoint; before the event `start`, with nothing written. */
  readonly signal?: AbortSignal | undefined;
}

/** Steps are counted in int32. A run of a given time has this many, which it does not reach. */
export const unbounded = 2 ** 31 - 1;

/** Smallest and largest value of the options that are integers. */
export const limits = {
  steps: [1, unbounded - 1],
  batch: [2, 65536],
  size: [4, 1024],
  threads: [1, 1024],
  seed: [-(2 ** 31), 2 ** 31 - 1],
  sampleEvery: [0, unbounded],
  checkpointEvery: [0, unbounded],
} as const satisfies Record<string, readonly [number, number]>;

/** What a run does of which it was told nothing else, and its recipe.json says nothing. */
export const usual = { sampleEvery: 250, checkpointEvery: 1000, onDiverge: 'stop' } as const;

const integer = (option: keyof typeof limits) => {
  const [low, high] = limits[option];
  const fits = (value: unknown) => Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
  return z.custom<number>(fits, `must be an integer from ${low} to ${high}`).optional();
};
const positive = z
  .custom<number>((value) => Number.isFinite(value) && Number(value) > 0, 'must be a number > 0')
  .optional();
const schema = z.strictObject({
  data: text,
  recipe: text,
  set: z.array(z.string(), 'must be a list of path=value').optional(),
  out: text,
  steps: integer('steps'),
  epochs: positive,
  minutes: positive,
  batch: integer('batch'),
  size: integer('size'),
  device: text,
  threads: integer('threads'),
  autotune: truth,
  seed: integer('seed'),
  resume: truth,
  generator: text,
  discriminator: text,
  freeze: z.array(z.string(), 'must be a list of patterns').optional(),
  sampleEvery: integer('sampleEvery'),
  checkpointEvery: integer('checkpointEvery'),
  onDiverge: z.enum(['stop', 'rollback'], 'is unknown; expected stop or rollback').optional(),
  onEvent: z
    .custom<(event: TrainEvent) => void>((value) => typeof value === 'function', 'must be a function')
    .optional(),
  signal: z.instanceof(AbortSignal, { error: 'must be an AbortSignal' }).optional(),
}) satisfies z.ZodType<TrainOptions>;

/** The setting of the recipe that a `path=value` of `set` changes. */
export const settingOf = (assignment: string): string => assignment.split('=')[0]!.trim();

/** @throws InputError naming the first option that is unknown or cannot have its value, or two that exclude each other */
export function checkTrainOptions(options: TrainOptions): void {
  checkOptions('train', schema, options);
  const { steps, epochs, minutes, batch, set = [] } = options;
  const given = Object.entries({ steps, epochs, minutes }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new InputError(
      `${given.map(([name]) => `--${name}`).join(' and ')}: only one can say how long to train`,
    );
  const other = set.find((assignment) => settingOf(assignment) === 'batch');
  if (batch !== undefined && other !== undefined)
    throw new InputError(
      `--batch ${batch} and --set ${other}: only one can say how many samples a step takes`,
    );
}
