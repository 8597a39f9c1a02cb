import { InputError } from '../artifacts/errors.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import type { Floats, Ints } from '../graph-builder/arrays.ts';
import { latentNumbers } from '../graph-builder/hash.ts';
import { checkChoice, checkOptions, checkSeed, checkTruncation, told } from './arguments.ts';
import { checkCount, sizeOf } from './count.ts';
import type { InterpolateOptions, Label, ReconstructOptions, SampleOptions } from './generator.ts';
import { labelOf } from './labels.ts';
import { greatCircle, latents, straightLine } from './latent.ts';

// Runs in browsers too: no Node.

/** What a sampling call runs with, every default filled in; nothing in it is the caller's. */
export interface SamplePlan {
  readonly n: number;
  readonly seed: number;
  readonly z: Floats;
  readonly labels?: Ints;
}

/** What a reconstruction runs with; its latents are found when its turn comes. */
export interface ReconstructionPlan extends Omit<SamplePlan, 'z'> {
  readonly images: Float32Array;
}

/** @throws InputError naming the argument that is wrong. */
export function planSamples(metadata: GeneratorMetadata, n: number, options: SampleOptions): SamplePlan {
  checkOptions('options', options, { seed: true, label: true, z: true, truncation: true });
  const { zDim, shape } = metadata;
  const { seed = 0, label, z, truncation } = options;
  checkCount('n', n, 1, shape);
  checkSeed('seed', seed);
  if (truncation !== undefined) {
    checkTruncation('truncation', truncation);
    if (z !== undefined)
      throw new InputError(`truncation ${truncation} is for drawn latents; z must not be given with it`);
  }
  const given = z === undefined ? drawLatents(metadata, n, seed, truncation) : takeLatents('z', z, n, zDim);
  const labels = labelsOf(metadata, n, label);
  return { n, seed, z: given, ...(labels && { labels }) };
}

/** @throws InputError naming the argument that is wrong. */
export function planFrames(
  metadata: GeneratorMetadata,
  a: Float32Array | number,
  b: Float32Array | number,
  frames: number,
  options: InterpolateOptions,
): SamplePlan {
  checkOptions('options', options, { seed: true, label: true, path: true });
  const { seed = 0, label, path = 'great-circle' } = options;
  checkCount('frames', frames, 2, metadata.shape);
  checkSeed('seed', seed);
  checkChoice('path', path, ['great-circle', 'line']);
  const between = path === 'line' ? straightLine : greatCircle;
  const z = between(endPoint('a', a, metadata), endPoint('b', b, metadata), frames);
  return planSamples(metadata, frames, {
    seed,
    z,
    ...(metadata.conditional || label !== undefined ? { label: label ?? 0 } : {}),
  });
}

/** @throws InputError naming the argument that is wrong. */
export function planReconstruction(
  metadata: GeneratorMetadata,
  images: Float32Array,
  options: ReconstructOptions,
): ReconstructionPlan {
  checkOptions('options', options, { seed: true, label: true });
  const { seed = 0, label } = options;
  const n = countImages(images, metadata);
  checkSeed('seed', seed);
  const labels = labelsOf(metadata, n, label);
  return { n, seed, images: take('images: the array', images), ...(labels && { labels }) };
}

/** Of whole images of the generator's shape. */
function countImages(images: Float32Array, { shape }: GeneratorMetadata): number {
  if (!(images instanceof Float32Array)) throw new InputError('images must be a Float32Array');
  const size = sizeOf(shape);
  const n = images.length / size;
  if (!Number.isInteger(n) || n === 0)
    throw new InputError(
      `images have ${images.length} elements, must have a multiple of ${shape.join(' x ')} = ${size}`,
    );
  checkCount('images', n, 1, shape);
  return n;
}

/** One end of an interpolation as a latent vector. */
function endPoint(name: string, end: Float32Array | number, metadata: GeneratorMetadata): Floats {
  if (typeof end === 'number') {
    checkSeed(`seed ${name}`, end);
    return drawLatents(metadata, 1, end);
  }
  const { zDim } = metadata;
  if (!(end instanceof Float32Array))
    throw new InputError(`${name} ${told(end)} must be a seed, or a latent: a Float32Array of ${zDim}`);
  return takeLatents(name, end, 1, zDim);
}

function drawLatents(
  { zDim, latent }: GeneratorMetadata,
  n: number,
  seed: number,
  truncation?: number,
): Floats {
  if (latent === 'normal') return latents(n, zDim, seed, truncation);
  if (truncation !== undefined)
    throw new InputError(`truncation ${truncation} is for normal latents; this generator takes uniform ones`);
  return latentNumbers(latent, seed, n * zDim);
}

function takeLatents(name: string, z: Float32Array, n: number, zDim: number): Floats {
  if (!(z instanceof Float32Array)) throw new InputError(`${name} must be a Float32Array`);
  if (z.length !== n * zDim)
    throw new InputError(`${name} has ${z.length} elements, must have n x zDim = ${n} x ${zDim}`);
  return take(name, z);
}

/** A copy: the call may have to wait, and the caller's own array may change meanwhile. */
function take(name: string, given: Float32Array): Floats {
  const taken = given.slice();
  checkFinite(name, taken);
  return taken;
}

/** @throws InputError naming the first element that is not finite. */
export function checkFinite(name: string, values: Float32Array): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw new InputError(`${name} has ${values[bad]} at element ${bad}, must be finite`);
}

function labelsOf(metadata: GeneratorMetadata, n: number, label: SampleOptions['label']): Ints | undefined {
  const { conditional, classes } = metadata;
  if (!conditional) {
    if (label !== undefined) throw new InputError('label is given, but this generator has no classes');
    return undefined;
  }
  if (isList(label) && label.length !== n)
    throw new InputError(`label has ${label.length} elements, must be one label or n = ${n} of them`);
  const given = (i: number) =>
    isList(label) ? label[i]! : (label ?? (classes.length ? i % classes.length : 0));
  return Int32Array.from({ length: n }, (_, i) => labelNumber(given(i), metadata));
}

function labelNumber(label: Label, metadata: GeneratorMetadata): number {
  if (typeof label === 'string') return labelOf(label, metadata);
  // A generator whose classes have no names is trusted to know its labels.
  const count = metadata.classes.length || 2 ** 31;
  if (!Number.isInteger(label) || label < 0 || label >= count)
    throw new InputError(`label ${told(label)} must be an integer from 0 to ${count - 1}`);
  return label;
}

const isList = (label: unknown): label is readonly Label[] =>
  Array.isArray(label) || ArrayBuffer.isView(label);
