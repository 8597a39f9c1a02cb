import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { seedPerRow } from '../../artifacts/onnx/seed-per-row.ts';
import type { Floats } from '../../graph-builder/arrays.ts';
import { readGenerator } from '../generator-file.ts';
import { Model } from '../model.ts';
import type { Runtime } from '../model.ts';
import { planSamples } from '../plan.ts';
import { RowModel, runRows } from '../row-model.ts';
import { joinRows, sampleRows, sliceRows } from '../rows.ts';
import type { RowRunner, Rows } from '../rows.ts';
import type { ModelBytes } from '../source.ts';

/** A generator changed so that any rows may share a run, each with the noise that it has in a run of its own. */
export class MixingModel implements RowRunner {
  readonly metadata: GeneratorMetadata;
  readonly mixes = true;
  readonly #model: Model;

  private constructor(metadata: GeneratorMetadata, model: Model) {
    this.metadata = metadata;
    this.#model = model;
  }

  /**
   * Nothing is known yet of the bits that it gives: see `loadProven`.
   *
   * @returns undefined where its noise is of an unknown make
   * @throws InputError where it is no generator of ganx, or the runtime refuses it.
   */
  static async load(runtime: Runtime, file: ModelBytes): Promise<MixingModel | undefined> {
    const metadata = readGenerator(file);
    const bytes = metadata.random ? seedPerRow(file.bytes) : file.bytes;
    return bytes && new MixingModel(metadata, await Model.load(runtime, bytes, file.source));
  }

  run(rows: Rows): Promise<Floats> {
    const dims = [rows.count, 1];
    return runRows(this.#model, this.metadata, rows, {
      seed: { data: rows.seeds, dims },
      place: { data: rows.places, dims },
    });
  }

  dispose(): Promise<void> {
    return this.#model.release();
  }
}

/**
 * A generator as a server runs it: any rows in one run, each with the bits that it has in a run of its own. That is
 * put to the test here, since kernels may sum in an order that depends on the size of the batch; where it does not
 * hold, or the noise of the model is of an unknown make, slices are run alone, as `Generator` does.
 *
 * @param maxBatch most rows that a run will have
 * @throws InputError where it is no generator of ganx, or the runtime refuses it.
 */
export async function loadProven(runtime: Runtime, file: ModelBytes, maxBatch: number): Promise<RowRunner> {
  const alone = await RowModel.load(runtime, file);
  const mixing = await MixingModel.load(runtime, file).catch(() => undefined);
  if (!mixing) return alone;
  const proven = await givesSameRows(mixing, alone, maxBatch).catch(() => false);
  await (proven ? alone : mixing).dispose();
  return proven ? mixing : alone;
}

/** Two slices run alone, and the same rows mixed, in runs of several sizes: equal bits? */
async function givesSameRows(mixing: RowRunner, alone: RowRunner, maxBatch: number): Promise<boolean> {
  const all = joinRows([probeRows(alone.metadata, 2, -7), probeRows(alone.metadata, 3, 11)]);
  const expected = split(await alone.run(all), all.count);
  const order = [3, 0, 2, 1, 4];
  for (const size of new Set([1, Math.min(5, maxBatch), maxBatch])) {
    const picked = Array.from({ length: size }, (_, i) => order[i % order.length]!);
    const rows = joinRows(picked.map((row) => sliceRows(all, row, row + 1)));
    const found = split(await mixing.run(rows), size);
    if (!found.every((row, i) => Buffer.compare(row, expected[picked[i]!]!) === 0)) return false;
  }
  return true;
}

/** Rows to try a model with. */
export const probeRows = (metadata: GeneratorMetadata, n: number, seed: number): Rows =>
  sampleRows(planSamples(metadata, n, { seed, ...(metadata.conditional && { label: 0 }) }));

function split(data: Float32Array, count: number): Uint8Array[] {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = bytes.length / count;
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
