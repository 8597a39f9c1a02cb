import type { Device } from '../artifacts/device.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { gather, labelsOf } from './data/batch.ts';
import type { Dataset } from './data/dataset.ts';
import { EpochSampler } from './data/sampler.ts';
import type { Chunk } from './engine/engine.ts';

/** What becomes of the data on their way to the engine. */
export interface ChunkOptions {
  /** Multiplies the learning rates of both networks; default 1. */
  readonly rateScale?: number;
  /** Whether the engine has the data, and is told places in them; default false. */
  readonly resident?: boolean;
}

/** Builds the input of any K steps: a pure function of the step, so that a resumed run sees the same data. */
export function chunkSource(
  program: TrainingProgram,
  dataset: Dataset,
  seed: number,
  { rateScale = 1, resident = false }: ChunkOptions = {},
) {
  const { samplesPerStep: samples, labelled } = program;
  const sampler = new EpochSampler(dataset.count, seed);
  const scales = program.controls.map(({ name }) => (name.endsWith('/learningRate') ? rateScale : 1));
  return (step: number, steps: number): Chunk => {
    const indices = sampler.indices(step * samples, steps * samples);
    const controls = new Float32Array(steps * program.controls.length);
    for (let k = 0; k < steps; k++)
      program.controls.forEach(({ at }, i) => {
        controls[k * program.controls.length + i] = at(step + k) * scales[i]!;
      });
    return {
      step,
      steps,
      seed,
      real: resident
        ? { dtype: 'int32', shape: [steps, samples], data: indices }
        : {
            dtype: dataset.dtype,
            shape: [steps, samples, ...dataset.sampleShape],
            data: gather(dataset, indices),
          },
      ...(labelled
        ? { labels: { dtype: 'int32', shape: [steps, samples], data: labelsOf(dataset, indices) } as const }
        : {}),
      controls: { dtype: 'float32', shape: [steps, program.controls.length], data: controls },
    };
  };
}

/**
 * Milliseconds a run of the loop may take: long enough that what it costs outside vanishes, short enough for Ctrl-C.
 * Every run copies the state, about a millisecond a megabyte; to CUDA it goes and comes back, which takes some 50 ms.
 */
export const runBudget = ({ kind }: Device): number => (kind === 'cuda' ? 2000 : 1000);

/** Bytes of data that a run may be given. */
const mostData = 256 * 2 ** 20;

/** Steps for whose data there is room. */
export const mostSteps = ({ samplesPerStep }: TrainingProgram, { data, count }: Dataset): number =>
  Math.max(1, Math.floor(mostData / (samplesPerStep * (data.byteLength / count))));

/** Steps per run of the loop: as many as fit a time budget, so that progress and Ctrl-C stay alive. */
export class ChunkSize {
  readonly #budget: number;
  readonly #most: number;
  #steps = 1;
  #milliseconds = 0;

  /**
   * @param budget milliseconds a run may take
   * @param most steps of a run
   */
  constructor(budget: number, most = Infinity) {
    this.#budget = budget;
    this.#most = Math.min(most, 4096);
  }

  get steps(): number {
    return this.#steps;
  }

  /** Of all runs so far. */
  get milliseconds(): number {
    return this.#milliseconds;
  }

  /** Learns from a finished run; grows at most eightfold at once, because the first runs are slow. */
  observe(steps: number, milliseconds: number): void {
    this.#milliseconds += milliseconds;
    const fitting = Math.floor((this.#budget * steps) / Math.max(milliseconds, 0.01));
    this.#steps = Math.max(1, Math.min(fitting, this.#steps * 8, this.#most));
  }
}
