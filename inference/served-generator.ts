import { InputError } from '../artifacts/errors.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { checkOptions } from './arguments.ts';
import { sizeOf } from './count.ts';
import { Encoder } from './encoder.ts';
import { readGenerator } from './generator-file.ts';
import { sliceSize } from './generator.ts';
import type { Backend, InterpolateOptions, ReconstructOptions, SampleOptions, Samples } from './generator.ts';
import { sliceSeed } from './latent.ts';
import { Model } from './model.ts';
import type { Feed, Runtime } from './model.ts';
import { countImages, planFrames, planSamples } from './plan.ts';
import type { SamplePlan } from './plan.ts';
import { Serial } from './serial.ts';
import type { ModelBytes } from './source.ts';

// Runs in browsers too: no Node.

/** A generator and its encoder in a runtime. */
export interface LoadedModels {
  readonly metadata: GeneratorMetadata;
  readonly backend: Backend;
  readonly generator: Model;
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
  const metadata = readGenerator(generator);
  const model = await Model.load(runtime, generator.bytes, generator.source);
  try {
    const loaded = encoder && (await Encoder.load(runtime, encoder, metadata));
    return { metadata, backend, generator: model, encoder: loaded };
  } catch (error) {
    await model.release();
    throw error;
  }
}

/** All of a generator that no runtime changes: how calls are planned, cut into slices, fed and kept in order. */
export class ServedGenerator {
  readonly metadata: GeneratorMetadata;
  readonly backend: Backend;
  readonly #model: Model;
  readonly #encoder: Encoder | undefined;
  readonly #calls = new Serial();
  #disposal: Promise<void> | undefined;

  constructor({ metadata, backend, generator, encoder }: LoadedModels) {
    this.metadata = metadata;
    this.backend = backend;
    this.#model = generator;
    this.#encoder = encoder;
  }

  sample(n: number, options: SampleOptions = {}): Promise<Samples> {
    return this.#call(() => this.#runSlices(planSamples(this.metadata, n, options)));
  }

  interpolate(
    a: Float32Array | number,
    b: Float32Array | number,
    frames: number,
    options: InterpolateOptions = {},
  ): Promise<Samples> {
    return this.#call(() => {
      const plan = planFrames(this.metadata, a, b, frames, options);
      // Noise depends on the place in the batch: frames that are to share it are each the first of their own.
      return this.metadata.random ? this.#run(plan, 1, () => plan.seed) : this.#runSlices(plan);
    });
  }

  reconstruct(images: Float32Array, options: ReconstructOptions = {}): Promise<Samples> {
    return this.#call(async () => {
      if (!this.#encoder)
        throw new InputError(
          `${this.#model.source}: has no encoder; load the folder of a run of the recipe vaegan, or give one`,
        );
      checkOptions('options', options, { seed: true, label: true });
      const n = countImages(images, this.metadata);
      const z = await this.#encoder.encode(images, n);
      return this.#runSlices(planSamples(this.metadata, n, { ...options, z }));
    });
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#calls.run(async () => {
      await this.#model.release();
      await this.#encoder?.release();
    });
    return this.#disposal;
  }

  #call<T>(task: () => Promise<T>): Promise<T> {
    if (this.#disposal)
      return Promise.reject(new InputError(`${this.#model.source}: the generator has been disposed of`));
    return this.#calls.run(task);
  }

  #runSlices(plan: SamplePlan): Promise<Samples> {
    return this.#run(plan, sliceSize, (slice) => sliceSeed(plan.seed, slice));
  }

  async #run(plan: SamplePlan, size: number, seedOf: (slice: number) => number): Promise<Samples> {
    const { n, z, labels } = plan;
    const { shape, kind } = this.metadata;
    const sampleSize = sizeOf(shape);
    const data = new Float32Array(n * sampleSize);
    for (let start = 0; start < n; start += size) {
      const end = Math.min(start + size, n);
      const feeds = this.#feeds(plan, start, end, seedOf(start / size));
      data.set(await this.#model.run(feeds, kind, [end - start, ...shape]), start * sampleSize);
    }
    return { data, shape: [n, ...shape], z, ...(labels && { labels }) };
  }

  #feeds({ z, labels }: SamplePlan, start: number, end: number, seed: number): Record<string, Feed> {
    const { zDim, random } = this.metadata;
    return {
      z: { data: z.subarray(start * zDim, end * zDim), dims: [end - start, zDim] },
      ...(random && { seed: { data: Int32Array.of(seed), dims: [] } }),
      ...(labels && { label: { data: labels.subarray(start, end), dims: [end - start] } }),
    };
  }
}
