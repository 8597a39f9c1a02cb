import type * as Ort from 'onnxruntime-node';
import { InputError } from '../../artifacts/errors.ts';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { seedPerRow } from '../../artifacts/onnx/seed-per-row.ts';
import { readGenerator } from '../generator-file.ts';
import type { GeneratorFile } from '../generator-file.ts';
import { latents, uniformLatents } from '../latent.ts';
import { createSession, loadRuntime } from '../onnxruntime-node.ts';
import type { SessionSettings } from '../onnxruntime-node.ts';
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
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #source: string;
  /** The session takes a seed and a place a row. */
  readonly #perRow: boolean;

  private constructor(
    ort: typeof Ort,
    file: GeneratorFile,
    session: Ort.InferenceSession,
    how: { readonly perRow: boolean; readonly mixes: boolean },
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#source = file.source;
    this.metadata = file.metadata;
    this.#perRow = how.perRow;
    this.mixes = how.mixes;
  }

  /**
   * @param maxBatch most rows that a run will have
   * @throws InputError where it is no generator of ganx, or the device cannot be used.
   */
  static async load(
    pathOrBytes: string | Uint8Array,
    settings: SessionSettings,
    maxBatch: number,
  ): Promise<RowModel> {
    const file = await readGenerator(pathOrBytes);
    const ort = await loadRuntime();
    const open = async (bytes: Uint8Array, how: { perRow: boolean; mixes: boolean }) =>
      new RowModel(ort, file, await createSession(ort, bytes, file.source, settings), how);
    const alone = await open(file.bytes, { perRow: false, mixes: false });
    const { random } = file.metadata;
    const bytes = random ? seedPerRow(file.bytes) : file.bytes;
    const mixing = bytes && (await open(bytes, { perRow: random, mixes: true }).catch(() => undefined));
    if (!mixing) return alone;
    const proven = await givesSameRows(mixing, alone, maxBatch).catch(() => false);
    await (proven ? alone : mixing).dispose();
    return proven ? mixing : alone;
  }

  async run({ count, z, seeds, places, labels }: Rows): Promise<Float32Array> {
    const { Tensor } = this.#ort;
    const { zDim, kind, random, shape } = this.metadata;
    const noise = this.#perRow
      ? { seed: new Tensor('int32', seeds, [count, 1]), place: new Tensor('int32', places, [count, 1]) }
      : random && { seed: new Tensor('int32', seeds.subarray(0, 1), []) };
    const feeds: Record<string, Ort.Tensor> = {
      z: new Tensor('float32', z, [count, zDim]),
      ...noise,
      ...(labels && { label: new Tensor('int32', labels, [count]) }),
    };
    const output = (await this.#session.run(feeds, [kind]))[kind]!;
    const dims = [count, ...shape].join(', ');
    if (output.type !== 'float32' || output.dims.join(', ') !== dims)
      throw new InputError(
        `${this.#source}: damaged generator (it gave ${output.type} [${output.dims.join(', ')}], its metadata promise float32 [${dims}])`,
      );
    return output.data as Float32Array;
  }

  dispose(): Promise<void> {
    return this.#session.release();
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

function probe({ zDim, latent, conditional }: GeneratorMetadata, seed: number, n: number): Rows {
  const z = latent === 'normal' ? latents(n, zDim, seed) : uniformLatents(n, zDim, seed);
  return sampleRows({ n, seed, z, ...(conditional && { labels: new Int32Array(n) }) });
}

const copy = (rows: Rows) => sliceRows(rows, 0, rows.count);

function split(data: Float32Array, count: number): Uint8Array[] {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const size = bytes.length / count;
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}
