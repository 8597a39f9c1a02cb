import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import type { Floats } from '../graph-builder/arrays.ts';
import { sliceSize } from './generator.ts';
import { sliceSeed } from './latent.ts';
import type { SamplePlan } from './plan.ts';

// Runs in browsers too: no Node.

/**
 * What a model is to make, a row a sample. A row says itself which noise it gets: that of row `place` of a run with
 * `seed`. So rows of several calls can share a run, and those of one may be spread over several.
 */
export interface Rows {
  readonly count: number;
  /** [count, zDim] */
  readonly z: Float32Array;
  /** [count] */
  readonly seeds: Int32Array;
  /** [count]; 0 begins a slice, a run of its own where nothing is shared. */
  readonly places: Int32Array;
  /** [count], of a generator with classes. */
  readonly labels?: Int32Array;
}

/** What runs rows, wherever it is. Runs follow one another. */
export interface RowRunner {
  readonly metadata: GeneratorMetadata;
  /**
   * Whether any rows may share a run. Otherwise what is run must consist of whole slices, the last of which may lack
   * its end.
   */
  readonly mixes: boolean;
  /** [count, ...shape] */
  run(rows: Rows): Promise<Floats>;
  dispose(): Promise<void>;
}

/** The rows of `Generator.sample`: slices of 64, each with a seed of its own. */
export function sampleRows(plan: SamplePlan): Rows {
  return rowsOf(plan, sliceSize, (slice) => sliceSeed(plan.seed, slice));
}

/** The rows of `Generator.interpolate`: frames of a generator with noise are each the first of a run, so they share it. */
export function frameRows(plan: SamplePlan, random: boolean): Rows {
  return random ? rowsOf(plan, 1, () => plan.seed) : sampleRows(plan);
}

function rowsOf({ n, z, labels }: SamplePlan, size: number, seedOf: (slice: number) => number): Rows {
  return {
    count: n,
    z,
    seeds: Int32Array.from({ length: n }, (_, i) => seedOf(Math.floor(i / size))),
    places: Int32Array.from({ length: n }, (_, i) => i % size),
    ...(labels && { labels }),
  };
}

/** Where the slice that begins at row `start` ends: the row after its last. */
export function endOfSlice({ count, places }: Rows, start: number): number {
  const next = places.indexOf(0, start + 1);
  return next < 0 ? count : next;
}

/** Rows `start` to `end` - 1. */
export function sliceRows({ count, z, seeds, places, labels }: Rows, start: number, end: number): Rows {
  const zDim = z.length / count;
  return {
    count: end - start,
    z: z.slice(start * zDim, end * zDim),
    seeds: seeds.slice(start, end),
    places: places.slice(start, end),
    ...(labels && { labels: labels.slice(start, end) }),
  };
}

/** All rows of a list, one after the other. */
export function joinRows(parts: readonly Rows[]): Rows {
  const [first] = parts;
  if (parts.length === 1) return first!;
  return {
    count: parts.reduce((sum, { count }) => sum + count, 0),
    z: join(Float32Array, parts, ({ z }) => z),
    seeds: join(Int32Array, parts, ({ seeds }) => seeds),
    places: join(Int32Array, parts, ({ places }) => places),
    ...(first?.labels && { labels: join(Int32Array, parts, ({ labels }) => labels!) }),
  };
}

function join<T extends Float32Array | Int32Array>(
  type: new (length: number) => T,
  parts: readonly Rows[],
  of: (part: Rows) => T,
): T {
  const joined = new type(parts.reduce((sum, part) => sum + of(part).length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(of(part), at);
    at += of(part).length;
  }
  return joined;
}
