import type * as Ort from 'onnxruntime-node';
import { InputError } from '../artifacts/errors.ts';
import { encodeGrid, plotPoints } from '../artifacts/image-grid.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { Encoder, encoderBeside } from './encoder.ts';
import { readGenerator } from './generator-file.ts';
import type { GeneratorFile } from './generator-file.ts';
import { checkCount, checkSeed, endPoint, planSamples, sliceSize } from './generator.ts';
import type {
  InterpolateOptions,
  PngOptions,
  ReconstructOptions,
  SampleOptions,
  SamplePlan,
  Samples,
} from './generator.ts';
import type { Generator as GeneratorInterface } from './generator.ts';
import { greatCircle, sliceSeed, straightLine } from './latent.ts';
import { createSession, loadRuntime } from './onnxruntime-node.ts';
import type { SessionSettings } from './onnxruntime-node.ts';
import { Serial } from './serial.ts';

export { InputError } from '../artifacts/errors.ts';
export type { GeneratorMetadata } from '../artifacts/metadata.ts';
export type {
  InterpolateOptions,
  PngOptions,
  ReconstructOptions,
  SampleOptions,
  Samples,
} from './generator.ts';
export { greatCircle, latents, lerp, slerp, straightLine } from './latent.ts';
export type { Device, SessionSettings } from './onnxruntime-node.ts';

export interface LoadSettings extends SessionSettings {
  /** Path of an `encoder.onnx`; default: the one in the folder of the run, where a folder is loaded. */
  readonly encoder?: string;
}

/** A trained generator in Node, on onnxruntime-node. */
export class Generator implements GeneratorInterface {
  readonly metadata: GeneratorMetadata;
  readonly #source: string;
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #encoder: Encoder | undefined;
  readonly #calls = new Serial();
  #disposal: Promise<void> | undefined;

  private constructor(
    file: GeneratorFile,
    ort: typeof Ort,
    session: Ort.InferenceSession,
    encoder: Encoder | undefined,
  ) {
    this.#encoder = encoder;
    this.metadata = file.metadata;
    this.#source = file.source;
    this.#ort = ort;
    this.#session = session;
  }

  /**
   * Loads a generator.
   *
   * @param pathOrBytes a `generator.onnx`, the folder of a run, or the bytes of the former
   * @throws InputError where it is no generator of ganx, or the device cannot be used.
   */
  static async load(pathOrBytes: string | Uint8Array, settings: LoadSettings = {}): Promise<Generator> {
    const file = await readGenerator(pathOrBytes);
    const ort = await loadRuntime();
    const beside = typeof pathOrBytes === 'string' ? await encoderBeside(pathOrBytes) : undefined;
    const path = settings.encoder ?? beside;
    const encoder = path === undefined ? undefined : await Encoder.load(ort, path, file.metadata, settings);
    return new Generator(file, ort, await createSession(ort, file.bytes, file.source, settings), encoder);
  }

  sample(n: number, options: SampleOptions = {}): Promise<Samples> {
    return this.#call(() => {
      const plan = planSamples(this.metadata, n, options);
      return this.#run(plan, sliceSize, (slice) => sliceSeed(plan.seed, slice));
    });
  }

  interpolate(
    a: Float32Array | number,
    b: Float32Array | number,
    frames: number,
    { seed = 0, label, path = 'great-circle' }: InterpolateOptions = {},
  ): Promise<Samples> {
    return this.#call(() => {
      const { metadata } = this;
      checkCount('frames', frames, 2, metadata.shape);
      checkSeed('seed', seed);
      const between = path === 'line' ? straightLine : greatCircle;
      const z = between(endPoint('a', a, metadata), endPoint('b', b, metadata), frames);
      const plan = planSamples(metadata, frames, {
        seed,
        z,
        ...(metadata.conditional || label !== undefined ? { label: label ?? 0 } : {}),
      });
      // Noise depends on the place in the batch: frames that are to share it are each the first of their own.
      return this.#run(plan, metadata.random ? 1 : sliceSize, () => seed);
    });
  }

  reconstruct(images: Float32Array, { seed = 0, label }: ReconstructOptions = {}): Promise<Samples> {
    return this.#call(async () => {
      const { metadata } = this;
      const { shape, zDim } = metadata;
      if (!this.#encoder)
        throw new InputError(
          `${this.#source}: has no encoder; load the folder of a run of the recipe vaegan, or give one`,
        );
      const size = shape.reduce((a, b) => a * b, 1);
      const n = images.length / size;
      if (!Number.isInteger(n) || n === 0)
        throw new InputError(
          `images have ${images.length} elements, must have a multiple of ${shape.join(' x ')} = ${size}`,
        );
      checkCount('images', n, 1, shape);
      const z = await this.#encoder.encode(images, n, shape, zDim);
      const plan = planSamples(metadata, n, { seed, z, ...(label === undefined ? {} : { label }) });
      return this.#run(plan, sliceSize, (slice) => sliceSeed(plan.seed, slice));
    });
  }

  toPng({ data, shape }: Pick<Samples, 'data' | 'shape'>, options: PngOptions = {}): Promise<Uint8Array> {
    if (shape.length === 2) return plotPoints(data);
    const [count, channels, height, width] = shape as [number, number, number, number];
    return encodeGrid(data, { count, channels, height, width }, options);
  }

  dispose(): Promise<void> {
    this.#disposal ??= this.#calls.run(async () => {
      await this.#session.release();
      await this.#encoder?.release();
    });
    return this.#disposal;
  }

  #call<T>(task: () => Promise<T>): Promise<T> {
    if (this.#disposal)
      return Promise.reject(new Error(`${this.#source}: the generator has been disposed of`));
    return this.#calls.run(task);
  }

  async #run(
    { n, z, labels }: SamplePlan,
    size: number,
    seedOf: (slice: number) => number,
  ): Promise<Samples> {
    const { shape } = this.metadata;
    const sampleSize = shape.reduce((a, b) => a * b, 1);
    const data = new Float32Array(n * sampleSize);
    for (let start = 0; start < n; start += size) {
      const end = Math.min(start + size, n);
      const output = await this.#runSlice(start, end, z, seedOf(start / size), labels);
      data.set(output, start * sampleSize);
    }
    return { data, shape: [n, ...shape], z, ...(labels && { labels }) };
  }

  async #runSlice(
    start: number,
    end: number,
    z: Float32Array,
    seed: number,
    labels: Int32Array | undefined,
  ): Promise<Float32Array> {
    const { Tensor } = this.#ort;
    const { zDim, kind, random, shape } = this.metadata;
    const feeds: Record<string, Ort.Tensor> = {
      z: new Tensor('float32', z.subarray(start * zDim, end * zDim), [end - start, zDim]),
      ...(random && { seed: new Tensor('int32', Int32Array.of(seed), []) }),
      ...(labels && { label: new Tensor('int32', labels.subarray(start, end), [end - start]) }),
    };
    const output = (await this.#session.run(feeds, [kind]))[kind]!;
    const dims = [end - start, ...shape].join(', ');
    if (output.type !== 'float32' || output.dims.join(', ') !== dims)
      throw new InputError(
        `${this.#source}: damaged generator (it gave ${output.type} [${output.dims.join(', ')}], its metadata promise float32 [${dims}])`,
      );
    const data = output.data as Float32Array;
    output.dispose();
    return data;
  }
}
