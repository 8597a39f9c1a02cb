import { probit } from './probit.ts';
import type { Floats } from './arrays.ts';
import type { LatentDistribution } from './techniques/03-latent.ts';

/**
 * The random numbers of ganx, on the host: what `random.ts` emits as operators, in plain TypeScript, bit for bit.
 *
 * A counter-based generator: number i of a stream is a hash of (seed, step, stream, i), so nothing has a state, any
 * element can be computed alone, and a run resumes exactly. Only int32 multiplication, addition and division by a
 * power of two are used, because those give the same bits on every provider of onnxruntime.
 */

/** Odd multipliers with well spread bits (golden ratio, MurmurHash3 and xxHash primes). */
export const multipliers = {
  c0: 0x9e3779b1 | 0,
  c1: 0x85ebca6b | 0,
  c2: 0xc2b2ae35 | 0,
  c3: 0x27d4eb2f | 0,
} as const;

const { c0, c1, c2, c3 } = multipliers;

/** One mixing round: a permutation of int32 that carries low bits up (x (2x + 1)) and high bits down. */
export function mix(x: number): number {
  const product = Math.imul(x, (x + x + 1) | 0);
  return (product - Math.trunc(product / 32768)) | 0;
}

/** The pair of words that (seed, step) contributes to every key. */
export function baseKey(seed: number, step: number): [number, number] {
  const word = (a: number, b: number, salt: number) =>
    Math.imul(mix((mix((Math.imul(seed, a) + salt) | 0) + Math.imul(step, b)) | 0), c3);
  return [word(c0, c1, c2), word(c1, c2, c0)];
}

/** The pair of words that a stream's name contributes: two FNV-1a hashes. */
export function streamKey(stream: string): [number, number] {
  const hash = (basis: number) => {
    let h = basis;
    for (let i = 0; i < stream.length; i++) h = Math.imul(h ^ stream.charCodeAt(i), 0x01000193);
    return mix(h | 0);
  };
  return [hash(0x811c9dc5), hash(0x050c5d1f)];
}

/** Number `index` of the stream with `key`: 32 uniform bits as an int32. */
export function bitsAt([k0, k1]: readonly [number, number], index: number): number {
  return Math.imul(mix((mix((Math.imul(index, c0) + k0) | 0) + k1) | 0), c2);
}

/** Standard normal quantiles at the middles of 2^14 equal slices, scaled to variance 1; |value| < 4.02. One for all. */
export const normalTable = (): Floats => (table ??= quantileTable());

let table: Floats | undefined;

function quantileTable(): Floats {
  const size = 2 ** 14;
  const quantiles = Array.from({ length: size }, (_, i) => probit((i + 0.5) / size));
  const scale = 1 / Math.sqrt(quantiles.reduce((sum, q) => sum + q * q, 0) / size);
  return Float32Array.from(quantiles, (q) => q * scale);
}

/** `length` normal numbers of a stream, the same as the emitted graph draws. */
export function normals(seed: number, step: number, stream: string, length: number): Floats {
  const key = combine(baseKey(seed, step), streamKey(stream));
  const normal = normalTable();
  return Float32Array.from({ length }, (_, i) => normal[slot(bitsAt(key, i))]!);
}

/** `length` numbers uniform in (0, 1), the same as the emitted graph draws. */
export function uniforms(seed: number, step: number, stream: string, length: number): Floats {
  const key = combine(baseKey(seed, step), streamKey(stream));
  return Float32Array.from({ length }, (_, i) => Math.trunc(bitsAt(key, i) / 256) * 2 ** -24 + 0.5);
}

/** `length` numbers of latents, distributed as those that the training graph draws: N(0, 1) or U(-1, 1). */
export function latentNumbers(latent: LatentDistribution, seed: number, length: number): Floats {
  return latent === 'normal'
    ? normals(seed, 0, 'z', length)
    : uniforms(seed, 0, 'z', length).map((u) => 2 * u - 1);
}

function combine(a: readonly [number, number], b: readonly [number, number]): [number, number] {
  return [(a[0] + b[0]) | 0, (a[1] + b[1]) | 0];
}

/** Table entry of 32 bits: their top 14, as a number in [0, 2^14). */
function slot(bits: number): number {
  return Math.trunc((Math.trunc(bits / 2) + 2 ** 30) / 2 ** 17);
}
