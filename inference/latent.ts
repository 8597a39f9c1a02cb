import { InputError } from '../artifacts/errors.ts';
import type { Floats } from '../graph-builder/arrays.ts';
import { baseKey, bitsAt, latentNumbers, normalTable, uniforms } from '../graph-builder/hash.ts';
import { checkInteger, checkSeed, checkTruncation, told } from './arguments.ts';
import { checkCount, maxElements } from './count.ts';

// Runs in browsers too: no Node.

let table: Float32Array | undefined;

/**
 * `n` latent vectors, [n, zDim], standard normal: the same on every machine, and vector i is the same whatever `n`.
 *
 * @param n 1 to 65536
 * @param seed int32
 * @param truncation where given, the normal is cut off at this many standard deviations: samples come closer to the
 *   typical one, at the price of variety. A vector keeps its direction of change: it is drawn from the same numbers.
 */
export function latents(n: number, zDim: number, seed: number, truncation?: number): Floats {
  checkInteger('latents: zDim', zDim, 1, maxElements);
  checkCount('latents: n', n, 1, [zDim]);
  checkSeed('latents: seed', seed);
  if (truncation === undefined) return latentNumbers('normal', seed, n * zDim);
  checkTruncation('latents: truncation', truncation);
  table ??= normalTable();
  // The table is sorted and symmetric, so a cut normal is drawn from a slice of its middle.
  const low = table.findIndex((value) => value >= -truncation);
  if (low === 0) return latentNumbers('normal', seed, n * zDim);
  const width = table.length - 2 * low;
  const quantiles = table;
  return uniforms(seed, 0, 'z', n * zDim).map((u) => quantiles[low + Math.floor(u * width)]!);
}

/**
 * The seed that the model is given for slice `slice` of a large batch: `seed` for the first, so that a batch of one
 * slice is what the model itself gives, and unrelated ones for the others, so that no two samples share their noise.
 */
export function sliceSeed(seed: number, slice: number): number {
  return slice === 0 ? seed : bitsAt(baseKey(seed, slice), slice);
}

/**
 * A point between two latent vectors on the great circle through them, where a straight line would leave the shell
 * that a normal distribution fills: sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, with w the angle between them
 * (White 2016). Parallel and opposite vectors have no such circle and are joined by a line.
 *
 * @param t in [0, 1]; the ends are exactly `a` and `b`
 */
export function slerp(a: Float32Array, b: Float32Array, t: number): Floats {
  checkEnds('slerp', a, b);
  checkPlace('slerp', t);
  if (t === 0) return a.slice();
  if (t === 1) return b.slice();
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const sine = Math.sin(angle);
  // Not so too where a vector is zero and the angle is NaN.
  const curved = sine > 1e-6;
  const [weightA, weightB] = curved
    ? [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine]
    : [1 - t, t];
  return a.map((value, i) => weightA * value + weightB * b[i]!);
}

/** A point between two latent vectors on the straight line; for comparison, and for latents from a cube. */
export function lerp(a: Float32Array, b: Float32Array, t: number): Floats {
  checkEnds('lerp', a, b);
  checkPlace('lerp', t);
  return a.map((value, i) => (1 - t) * value + t * b[i]!);
}

/** `frames` >= 2 points from `a` to `b`, both included, at equal angles: [frames, zDim]. */
export function greatCircle(a: Float32Array, b: Float32Array, frames: number): Floats {
  return path('greatCircle', slerp, a, b, frames);
}

/** The same on the straight line, at equal distances. */
export function straightLine(a: Float32Array, b: Float32Array, frames: number): Floats {
  return path('straightLine', lerp, a, b, frames);
}

function path(name: string, between: typeof slerp, a: Float32Array, b: Float32Array, frames: number): Floats {
  checkEnds(name, a, b);
  checkCount(`${name}: frames`, frames, 2, [a.length]);
  const points = new Float32Array(frames * a.length);
  for (let i = 0; i < frames; i++) points.set(between(a, b, i / (frames - 1)), i * a.length);
  return points;
}

function checkEnds(name: string, a: Float32Array, b: Float32Array): void {
  for (const [end, latent] of Object.entries({ a, b }))
    if (!(latent instanceof Float32Array))
      throw new InputError(`${name}: ${end} ${told(latent)} must be a latent vector, a Float32Array`);
  if (a.length !== b.length)
    throw new InputError(
      `${name}: latent vectors of lengths ${a.length} and ${b.length} must be of one length`,
    );
}

function checkPlace(name: string, t: number): void {
  if (!(typeof t === 'number' && t >= 0 && t <= 1))
    throw new InputError(`${name}: t ${told(t)} must be in [0, 1]`);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
