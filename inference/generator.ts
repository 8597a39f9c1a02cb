import { InputError } from '../artifacts/errors.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { latents, uniformLatents } from './latent.ts';

// Runs in browsers too: no Node.

/** Most samples of one call. */
export const maxSamples = 65_536;
/** Most elements of one call's result: 4 GiB of float32. */
const maxElements = 2 ** 30;
/**
 * Samples that go through the model at a time. It bounds the memory and is part of the result where a generator has
 * noise of its own (see `sliceSeed`), so it is the same on every runtime.
 */
export const sliceSize = 64;

export interface SampleOptions {
  /** int32, default 0. It draws the latents and, where the generator has dropout or noise, that too. */
  readonly seed?: number;
  /** For a generator with classes: of all samples, or of each. Default: the classes in turn. */
  readonly label?: number | readonly number[];
  /** Latents [n, zDim] instead of drawn ones. */
  readonly z?: Float32Array;
  /** Cut-off of the drawn latents in standard deviations, > 0; default none. Less is more typical and less varied. */
  readonly truncation?: number;
}

export interface InterpolateOptions {
  /** int32, default 0; for dropout and noise, which are the same in all frames. */
  readonly seed?: number;
  /** For a generator with classes; default 0. */
  readonly label?: number;
  /** Default `great-circle`, for normal latents; `line` is there for comparison. */
  readonly path?: 'great-circle' | 'line';
}

export interface ReconstructOptions {
  /** int32, default 0; for dropout and noise. */
  readonly seed?: number;
  /** For a generator with classes: of all images, or of each. */
  readonly label?: number | readonly number[];
}

export interface Samples {
  /** Images in [-1, 1], or points in the data's own units; row-major. */
  readonly data: Float32Array;
  /** [n, C, H, W] or [n, 2] */
  readonly shape: readonly number[];
  /** The latents that they come from, [n, zDim]. */
  readonly z: Float32Array;
  /** Of a generator with classes: the class of each. */
  readonly labels?: Int32Array;
}

export interface PngOptions {
  /** Of the grid of images; default near-square. */
  readonly columns?: number;
}

/**
 * A trained generator, the same on every runtime. Calls are answered one after the other; one that fails leaves the
 * others as they are.
 */
export interface Generator {
  readonly metadata: GeneratorMetadata;
  /**
   * @param n 1 to 65536
   * @throws InputError naming the argument that is wrong.
   */
  sample(n: number, options?: SampleOptions): Promise<Samples>;
  /**
   * Samples along the great circle between two latents, each end a vector or the seed of one. Each frame is what
   * `sample(1, { z, seed })` gives, so noise and dropout do not flicker.
   *
   * @param frames 2 to 65536, both ends included
   * @throws InputError naming the argument that is wrong.
   */
  interpolate(
    a: Float32Array | number,
    b: Float32Array | number,
    frames: number,
    options?: InterpolateOptions,
  ): Promise<Samples>;
  /**
   * Images encoded and drawn again, with the encoder of a VAE/GAN; `z` of the result are their latents.
   *
   * @param images [n, C, H, W] in [-1, 1]
   * @throws InputError where there is no encoder, or the images do not fit.
   */
  reconstruct(images: Float32Array, options?: ReconstructOptions): Promise<Samples>;
  /** Images as a grid, points as a plot. */
  toPng(samples: Pick<Samples, 'data' | 'shape'>, options?: PngOptions): Promise<Uint8Array>;
  /** Frees the model after the calls that are under way. Later calls fail; disposing again does nothing. */
  dispose(): Promise<void>;
}

/** What a sampling call runs with, every default filled in. */
export interface SamplePlan {
  readonly n: number;
  readonly seed: number;
  readonly z: Float32Array;
  readonly labels?: Int32Array;
}

/** @throws InputError naming the argument that is wrong. */
export function planSamples(metadata: GeneratorMetadata, n: number, options: SampleOptions): SamplePlan {
  const { zDim, shape } = metadata;
  const { seed = 0, label, z, truncation } = options;
  checkCount('n', n, 1, shape);
  checkSeed('seed', seed);
  if (truncation !== undefined) {
    if (!(truncation > 0)) throw new InputError(`truncation ${truncation} must be a number > 0`);
    if (z) throw new InputError(`truncation ${truncation} is for drawn latents; z must not be given with it`);
  }
  if (z) checkLatents('z', z, n, zDim);
  const labels = labelsOf(metadata, n, label);
  return { n, seed, z: z ?? drawLatents(metadata, n, seed, truncation), ...(labels && { labels }) };
}

/** One end of an interpolation as a latent vector. */
export function endPoint(
  name: string,
  end: Float32Array | number,
  metadata: GeneratorMetadata,
): Float32Array {
  if (typeof end === 'number') {
    checkSeed(`seed ${name}`, end);
    return drawLatents(metadata, 1, end);
  }
  checkLatents(name, end, 1, metadata.zDim);
  return end;
}

function drawLatents(
  { zDim, latent }: GeneratorMetadata,
  n: number,
  seed: number,
  truncation?: number,
): Float32Array {
  if (latent === 'normal') return latents(n, zDim, seed, truncation);
  if (truncation !== undefined)
    throw new InputError(`truncation ${truncation} is for normal latents; this generator takes uniform ones`);
  return uniformLatents(n, zDim, seed);
}

/** @throws InputError where `n` is no integer from `least` to the most that a call may give. */
export function checkCount(name: string, n: number, least: number, shape: readonly number[]): void {
  if (!Number.isInteger(n) || n < least || n > maxSamples)
    throw new InputError(`${name} ${n} must be an integer from ${least} to ${maxSamples}`);
  const size = shape.reduce((a, b) => a * b, 1);
  if (n * size > maxElements)
    throw new InputError(
      `${name} ${n} samples of [${shape.join(', ')}] are more than 4 GiB; ask for at most ${Math.floor(maxElements / size)} at a time`,
    );
}

export function checkSeed(name: string, seed: number): void {
  if (!Number.isInteger(seed) || seed !== (seed | 0))
    throw new InputError(`${name} ${seed} must be an integer from -2147483648 to 2147483647`);
}

function checkLatents(name: string, z: Float32Array, n: number, zDim: number): void {
  if (!(z instanceof Float32Array)) throw new InputError(`${name} must be a Float32Array`);
  if (z.length !== n * zDim)
    throw new InputError(`${name} has ${z.length} elements, must have n x zDim = ${n} x ${zDim}`);
  const bad = z.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new InputError(`${name} has ${z[bad]} at element ${bad}, must be finite`);
}

function labelsOf(
  { conditional, classes }: GeneratorMetadata,
  n: number,
  label: SampleOptions['label'],
): Int32Array | undefined {
  if (!conditional) {
    if (label !== undefined) throw new InputError('label is given, but this generator has no classes');
    return undefined;
  }
  // A generator whose classes have no names is trusted to know its labels.
  const count = classes.length || Infinity;
  if (typeof label === 'object' && label.length !== n)
    throw new InputError(`label has ${label.length} elements, must be one label or n = ${n} of them`);
  const labels = Array.from({ length: n }, (_, i) =>
    typeof label === 'object' ? label[i]! : (label ?? (count === Infinity ? 0 : i % count)),
  );
  const bad = labels.find((value) => !Number.isInteger(value) || value < 0 || value >= count);
  if (bad !== undefined)
    throw new InputError(
      `label ${bad} must be an integer ${count === Infinity ? '>= 0' : `from 0 to ${count - 1}`}`,
    );
  return Int32Array.from(labels);
}
