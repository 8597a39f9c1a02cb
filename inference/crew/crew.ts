import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import type { Floats } from '../../graph-builder/arrays.ts';
import { sizeOf } from '../count.ts';
import { sliceSize } from '../generator.ts';
import { joinRows, sliceRows } from '../rows.ts';
import type { RowRunner, Rows } from '../rows.ts';
import { probeRows } from './mixing-model.ts';

/** Fewer rows are left to the leader, who has all threads for them. */
const fewest = 16;
/** Rows that a helper is given at a time: few enough to end together, many enough for matrix products. */
const largestShare = 32;

/**
 * A leader, a model with several threads, runs few rows; many are shared among helpers, copies of it in threads of
 * their own. onnxruntime's threads work on one operator at a time and wait for each other there, and its transposed
 * convolution goes through a batch image by image, a part of it on one thread.
 */
export class Crew implements RowRunner {
  readonly metadata: GeneratorMetadata;
  readonly mixes: boolean;
  readonly #leader: RowRunner;
  #helpers: readonly RowRunner[];

  private constructor(leader: RowRunner, helpers: readonly RowRunner[]) {
    this.metadata = leader.metadata;
    this.mixes = leader.mixes;
    this.#leader = leader;
    this.#helpers = helpers;
  }

  /**
   * Puts to the test whether helpers give the bits of the leader, since kernels may sum in an order that depends on
   * the size of the batch.
   *
   * @param helpers whose rows may mix; they are disposed of where it fails
   * @throws Error where they give other bits, or none.
   */
  static async form(leader: RowRunner, helpers: readonly RowRunner[]): Promise<Crew> {
    const crew = new Crew(leader, helpers);
    const probes = [sliceSize, fewest, 1].map((n, i) => probeRows(leader.metadata, n, i - 7));
    const rows = joinRows(probes);
    try {
      const expected = bytesOf(await leader.run(rows));
      if (Buffer.compare(expected, bytesOf(await crew.#share(rows))) === 0) return crew;
      throw new Error('their samples differ in the last bits');
    } catch (error) {
      await crew.#dismiss();
      throw error;
    }
  }

  async run(rows: Rows): Promise<Floats> {
    if (this.#helpers.length === 0 || rows.count < fewest) return this.#leader.run(rows);
    return this.#share(rows).catch(async (error: unknown) => {
      if (!(error instanceof HelperFailure)) throw error;
      await this.#dismiss();
      return this.#leader.run(rows);
    });
  }

  async dispose(): Promise<void> {
    await this.#dismiss();
    await this.#leader.dispose();
  }

  /** Each helper takes the next share when it is done with its last. */
  async #share(rows: Rows): Promise<Floats> {
    const helpers = this.#helpers;
    const { count } = rows;
    const shares = helpers.length * Math.ceil(count / (helpers.length * largestShare));
    const startOf = (share: number) => Math.round((share * count) / shares);
    const size = sizeOf(this.metadata.shape);
    const data = new Float32Array(count * size);
    let next = 0;
    const work = async (helper: RowRunner) => {
      while (next < shares) {
        const [start, end] = [startOf(next), startOf(next + 1)];
        next++;
        if (end === start) continue;
        const part = sliceRows(rows, start, end);
        data.set(await helper.run(part).catch(failed), start * size);
      }
    };
    const outcomes = await Promise.allSettled(helpers.map(work));
    const first = outcomes.find((outcome) => outcome.status === 'rejected');
    if (first) throw first.reason;
    return data;
  }

  async #dismiss(): Promise<void> {
    const helpers = this.#helpers;
    this.#helpers = [];
    await Promise.allSettled(helpers.map((helper) => helper.dispose()));
  }
}

/** A helper's, not the caller's: the leader can do what it was to do. */
class HelperFailure extends Error {}

const failed = (cause: unknown): never => {
  throw new HelperFailure((cause as Error).message, { cause });
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);
