import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { seedPerRow } from '../../artifacts/onnx/seed-per-row.ts';
import { readGenerator } from '../generator-file.ts';
import { Model } from '../model.ts';
import type { Feed } from '../model.ts';
import { readModel } from '../node-files.ts';
import { loadRuntime, nodeRuntime } from '../onnxruntime-node.ts';
import type { SessionSettings } from '../onnxruntime-node.ts';
import { planSamples } from '../plan.ts';
import type { ModelSource } from '../source.ts';
import { joinRows, sampleRows, sliceRows } from './rows.ts';
import type { Rows } from './rows.ts';

/** What runs rows, wherever it is. Runs follow one another. */
export interface RowRunner {
  readonly metadata: GeneratorMetadata;
  /**
   * Whether rows of several slices may share a run, and a slice be split. Otherwise a run must be given exactly one
   * slice, or the head of one.
   */
  readonly mixes: boolean;
  /** [count, ...shape]; the rows must not be used afterwards. */
  run(rows: Rows): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * A generator as a server runs it: any rows in one run, each with the bits that it has in a run of its own. That is
 * put to the test when it is loaded, since kernels may sum in an order that depends on the size of the batch; where it
 * does not hold, or the noise of the model is of an unknown make, slices are run alone, as `Generator` does.
 */
export class RowModel implements RowRunner {
  readonly metadata: GeneratorMetadata;
  readonly mixes: boolean;
  readonly #model: Model;

  private constructor(metadata: GeneratorMetadata, model: Model, mixes: boolean) {
    this.metadata = metadata;
    this.#model = model;
    this.mixes = mixes;
  }

  /**
   * @param maxBatch most rows that a run will have
   * @throws InputError where it is no generator of ganx, or the device cannot be used.
   */
  static async load(generator: ModelSource, settings: SessionSettings, maxBatch: number): Promise<RowModel> {
    const file = await readModel(generator, 'generator', {});
    const metadata = readGenerator(file);
    const runtime = nodeRuntime(await loadRuntime(), settings);
    const open = async (bytes: Uint8Array, mixes: boolean) =>
      new RowModel(metadata, await Model.load(runtime, bytes, file.source), mixes);
    const alone = await open(file.bytes, false);
    const bytes = metadata.random ? seedPerRow(file.bytes) : file.bytes;
    const mixing = bytes && (await open(bytes, true).catch(() => undefined));
    if (!mixing) return alone;
    const proven = await givesSameRows(mixing, alone, maxBatch).catch(() => false);
    await (proven ? alone : mixing).dispose();
    return proven ? mixing : alone;
  }

  run({ count, z, seeds, places, labels }: Rows): Promise<Float32Array> {
    const { zDim, kind, random, shape } = this.metadata;
    const noise: Record<string, Feed> = this.mixes
      ? { seed: { data: seeds, dims: [count, 1] }, place: { data: places, dims: [count, 1] } }
      : { seed: { data: seeds.subarray(0, 1), dims: [] } };
    const feeds = {
      z: { data: z, dims: [count, zDim] },
      ...(random && noise),
      ...(labels && { label: { data: labels, dims: [count] } }),
    };
    return this.#model.run(feeds, kind, [count, ...shape]);
  }

  dispose(): Promise<void> {
    return this.#model.release();
  }
}

/** Two slices run alone, and the same rows mixed, in runs of several sizes: equal bits? */
async function givesSameRows(mixing: RowModel, alone: RowModel, maxBatch: number): Promise<boolean> {
  const slices = [-7, 11].map((seed, i) => probe(alone.metadata, seed, i + 2));
  const expected: Uint8Array[] = [];
  for (const slice of slices) expected.push(...split(await alone.run(copy(slice)), slice.count));
  const all = joinRows(slices);
  const order = [3, 0, 2, 1, 4];
  for (const size of new Set([1, Math.min(5, maxBatch), maxBatch])) {
    const picked = Array.from({ length: size }, (_, i) => order[i % order.length]!);
    const rows = joinRows(picked.map((row) => sliceRows(all, row, row + 1)));
    const found = split(await mixing.run(rows), size);
    if (!found.every((row, i) => Buffer.compare(row, expected[picked[i]!]!) === 0)) return false;
  }
  return true;
}

const probe = (metadata: GeneratorMetadata, seed: number, n: number): Rows =>
  sampleRows(planSamples(metadata, n, { seed, ...(metadata.conditional && { label: 0 }) }));

const copy = (rows: Rows) => sliceRows(rows, 0, rows.count);

function split(data: Float32Array, count: number): Uint8Array[] {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = bytes.length / count;
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
