import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import type { Bytes, Floats, Ints } from '../graph-builder/arrays.ts';

// Runs in browsers too: no Node.

/** Most samples of one call. */
export const maxSamples = 65_536;
/**
 * Samples that go through the model at a time. It bounds the memory and is part of the result where a generator has
 * noise of its own (see `sliceSeed`), so it is the same on every runtime.
 */
export const sliceSize = 64;

/** A class: its number, from 0 on in the order of the generator's `classes`, or its name; see `labelOf`. */
export type Label = number | string;

export interface SampleOptions {
  /** int32, default 0. It draws the latents and, where the generator has dropout or noise, that too. */
  readonly seed?: number;
  /** For a generator with classes: of all samples, or of each. Default: the classes in turn. */
  readonly label?: Label | readonly Label[];
  /** Latents [n, zDim] instead of drawn ones. */
  readonly z?: Float32Array;
  /** Cut-off of the drawn latents in standard deviations, > 0; default none. Less is more typical and less varied. */
  readonly truncation?: number;
}

export interface InterpolateOptions {
  /** int32, default 0; for dropout and noise, which are the same in all frames. */
  readonly seed?: number;
  /** For a generator with classes; default 0. */
  readonly label?: Label;
  /** Default `great-circle`, for normal latents; `line` is there for comparison. */
  readonly path?: 'great-circle' | 'line';
}

export interface ReconstructOptions {
  /** int32, default 0; for dropout and noise. */
  readonly seed?: number;
  /** For a generator with classes: of all images, or of each. */
  readonly label?: Label | readonly Label[];
}

/** What pictures are made of. */
export interface Drawable {
  /** Images in [-1, 1], or points in the data's own units; row-major. */
  readonly data: Float32Array;
  /** [n, C, H, W] or [n, 2] */
  readonly shape: readonly number[];
}

export interface Samples extends Drawable {
  readonly data: Floats;
  /** The latents that they come from, [n, zDim]. */
  readonly z: Floats;
  /** Of a generator with classes: the class of each. */
  readonly labels?: Ints;
}

export interface PictureOptions {
  /** Of the grid of images; default near-square. */
  readonly columns?: number;
}

/** What a generator runs on. */
export interface Backend {
  readonly device: string;
  /** Of onnxruntime; absent where it decides by itself. */
  readonly threads?: number;
  /** In Node, where they were asked for: how many share the work of many samples since it was loaded. */
  readonly workers?: number;
  /** In Node, where it was asked for: whether many samples run in a graph compiled for the processor. */
  readonly compiled?: boolean;
  /** Why that device, and those threads, where ganx chose them; why there are no workers, or nothing is compiled. */
  readonly reason?: string;
}

/**
 * A trained generator, the same on every runtime. Calls are answered one after the other; one that fails leaves the
 * others as they are.
 */
export interface Generator {
  readonly metadata: GeneratorMetadata;
  readonly backend: Backend;
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
  /** Images as a grid, points as a plot: bytes in Node, a Blob in a browser. */
  toPng(samples: Drawable, options?: PictureOptions): Promise<Bytes | Blob>;
  /** Frees the model after the calls that are under way. Later calls fail; disposing again does nothing. */
  dispose(): Promise<void>;
}
