import { InputError } from '../artifacts/errors.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { Encoder } from './encoder.ts';
import type { Backend, InterpolateOptions, ReconstructOptions, SampleOptions, Samples } from './generator.ts';
import type { Runtime } from './model.ts';
import { checkFinite, planFrames, planReconstruction, planSamples } from './plan.ts';
import type { SamplePlan } from './plan.ts';
import { RowModel } from './row-model.ts';
import { frameRows, sampleRows } from './rows.ts';
import type { RowRunner, Rows } from './rows.ts';
import { Serial } from './serial.ts';
import type { ModelBytes } from './source.ts';

// Runs in browsers too: no Node.

/** A generator and its encoder in a runtime. */
export interface LoadedModels {
  /** What messages call the generator. */
  readonly source: string;
  readonly backend: Backend;
  readonly generator: RowRunner;
  readonly encoder: Encoder | undefined;
}

/**
 * Loads both or neither.
 *
 * @throws InputError where one is not what it should be, or the runtime refuses it.
 */
export async function loadModels(
  runtime: Runtime,
  backend: Backend,
  generator: ModelBytes,
  encoder?: ModelBytes,
): Promise<LoadedModels> {
  const model = await RowModel.load(runtime, generator);
  try {
    const loaded = encoder && (await Encoder.load(runtime, encoder, model.metadata));
    return { source: generator.source, backend, generator: model, encoder: loaded };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** All of a generator that no runtime changes: how calls are planned, made into rows and kept in order. */
export class ServedGenerator {
  readonly metadata: GeneratorMetadata;
  readonly backend: Backend;
  readonly #source: string;
  readonly #runner: RowRunner;
  readonly #encoder: Encoder | undefined;
  readonly #calls = new Serial();
  #disposal: Promise<void> | undefined;

  constructor({ source, backend, generator, encoder }: LoadedModels) {
    this.metadata = generator.metadata;
    this.backend = backend;
    this.#source = source;
    this.#runner = generator;
    this.#encoder = encoder;
  }

  sample(n: number, options: SampleOptions = {}): Promise<Samples> {
    return this.#call(() => {
      const plan = planSamples(this.metadata, n, options);
      return () => this.#run(plan, sampleRows(plan));
    });
  }

  interpolate(
    a: Float32Array | number,
    b: Float32Array | number,
    frames: number,
    options: InterpolateOptions = {},
  ): Promise<Samples> {
    return this.#call(() => {
      const plan = planFrames(this.metadata, a, b, frames, options);
      return () => this.#run(plan, frameRows(plan, this.metadata.random));
    });
  }

  reconstruct(images: Float32Array, options: ReconstructOptions = {}): Promise<Samples> {
    return this.#call(() => {
      const encoder = this.#encoder;
      if (!encoder)
        throw new InputError(
          `${this.#source}: has no encoder; load the folder of a run of the recipe vaegan, or give one`,
        );
      const { images: taken, ...rest } = planReconstruction(this.metadata, images, options);
      return async () => {
        const z = await encoder.encode(taken, rest.n);
        checkFinite('images: their encoding', z);
        const plan = { ...rest, z };
        return this.#run(plan, sampleRows(plan));
      };
    });
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#calls.run(async () => {
      await this.#runner.dispose();
      await this.#encoder?.release();
    });
    return this.#disposal;
  }

  /**
   * Plans a call when it is made, so that what the caller changes later is not part of it, and runs it when its turn
   * comes.
   */
  async #call<T>(plan: () => () => Promise<T>): Promise<T> {
    if (this.#disposal) throw new InputError(`${this.#source}: the generator has been disposed of`);
    return this.#calls.run(plan());
  }

  async #run({ n, z, labels }: SamplePlan, rows: Rows): Promise<Samples> {
    const data = await this.#runner.run(rows);
    return { data, shape: [n, ...this.metadata.shape], z, ...(labels && { labels }) };
  }
}
