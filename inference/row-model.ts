import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import type { Floats } from '../graph-builder/arrays.ts';
import { sizeOf } from './count.ts';
import { readGenerator } from './generator-file.ts';
import { Model } from './model.ts';
import type { Feed, Runtime } from './model.ts';
import { endOfSlice, sliceRows } from './rows.ts';
import type { RowRunner, Rows } from './rows.ts';
import type { ModelBytes } from './source.ts';

// Runs in browsers too: no Node.

/** A generator in a runtime, as its file is: with one seed a run, so each slice is a run of its own. */
export class RowModel implements RowRunner {
  readonly metadata: GeneratorMetadata;
  readonly mixes = false;
  readonly #model: Model;

  private constructor(metadata: GeneratorMetadata, model: Model) {
    this.metadata = metadata;
    this.#model = model;
  }

  /** @throws InputError where it is no generator of ganx, or the runtime refuses it. */
  static async load(runtime: Runtime, file: ModelBytes): Promise<RowModel> {
    return new RowModel(readGenerator(file), await Model.load(runtime, file.bytes, file.source));
  }

  async run(rows: Rows): Promise<Floats> {
    const first = endOfSlice(rows, 0);
    if (first === rows.count) return this.#runSlice(rows);
    const size = sizeOf(this.metadata.shape);
    const data = new Float32Array(rows.count * size);
    for (let start = 0, end = first; start < rows.count; start = end, end = endOfSlice(rows, start))
      data.set(await this.#runSlice(sliceRows(rows, start, end)), start * size);
    return data;
  }

  #runSlice(rows: Rows): Promise<Floats> {
    const seed = { data: rows.seeds.subarray(0, 1), dims: [] };
    return runRows(this.#model, this.metadata, rows, { seed });
  }

  dispose(): Promise<void> {
    return this.#model.release();
  }
}

/**
 * One run of a generator.
 *
 * @param noise what a generator with dropout or noise is given for it
 * @returns [count, ...shape]
 */
export function runRows(
  model: Model,
  { zDim, kind, random, shape }: GeneratorMetadata,
  { count, z, labels }: Rows,
  noise: Readonly<Record<string, Feed>>,
): Promise<Floats> {
  const feeds = {
    z: { data: z, dims: [count, zDim] },
    ...(random && noise),
    ...(labels && { label: { data: labels, dims: [count] } }),
  };
  return model.run(feeds, kind, [count, ...shape]);
}
