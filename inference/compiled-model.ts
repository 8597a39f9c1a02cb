import { inferenceGraph } from '../artifacts/import/inference-graph.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import type { Floats } from '../graph-builder/arrays.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { probeRows } from './crew/mixing-model.ts';
import { sizeOf } from './count.ts';
import { sliceSize } from './generator.ts';
import { Model } from './model.ts';
import type { Runtime } from './model.ts';
import { runRows } from './row-model.ts';
import { endOfSlice, sliceRows } from './rows.ts';
import type { RowRunner, Rows } from './rows.ts';
import type { ModelBytes } from './source.ts';

/** How far a sample may be from that of the file as it is; of trained weights rounding makes a tenth of it at most. */
const tolerance = 1e-4;

/**
 * A generator in two forms: slices of 64 samples run in a graph that is compiled for this processor as training graphs
 * are, convolutions by tiles among other things; what does not fill a slice runs in the file as it is.
 */
export class CompiledModel implements RowRunner {
  readonly metadata: GeneratorMetadata;
  readonly mixes = false;
  readonly #plain: RowRunner;
  readonly #slices: Model;

  private constructor(plain: RowRunner, slices: Model) {
    this.metadata = plain.metadata;
    this.#plain = plain;
    this.#slices = slices;
  }

  /**
   * Compiles a generator and puts to the test whether it draws the same.
   *
   * @param plain the generator as it is; it remains the caller's where this fails
   * @throws Error where it cannot be compiled, or draws something else.
   */
  static async load(runtime: Runtime, file: ModelBytes, plain: RowRunner): Promise<CompiledModel> {
    const graph = compile(inferenceGraph(file.bytes, file.source, sliceSize), 'cpu');
    const model = await Model.load(runtime, encodeModel(graph), file.source);
    const compiled = new CompiledModel(plain, model);
    try {
      const rows = probeRows(plain.metadata, sliceSize, -7);
      const [expected, found] = [await plain.run(rows), await compiled.#runSlice(rows)];
      // A NaN goes through Math.max.
      const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i]!)), 0);
      if (off <= tolerance) return compiled;
      throw new Error(
        Number.isNaN(off)
          ? 'its samples are no numbers'
          : `its samples would differ by ${off.toPrecision(2)}, more than ${tolerance}`,
      );
    } catch (error) {
      await compiled.#slices.release();
      throw error;
    }
  }

  async run(rows: Rows): Promise<Floats> {
    const size = sizeOf(this.metadata.shape);
    const data = new Float32Array(rows.count * size);
    let start = 0;
    while (start < rows.count) {
      const slice = sliceRows(rows, start, endOfSlice(rows, start));
      const isWhole = slice.count === sliceSize;
      data.set(await (isWhole ? this.#runSlice(slice) : this.#plain.run(slice)), start * size);
      start += slice.count;
    }
    return data;
  }

  async dispose(): Promise<void> {
    await this.#slices.release();
    await this.#plain.dispose();
  }

  #runSlice(rows: Rows): Promise<Floats> {
    return runRows(this.#slices, this.metadata, rows, {
      seed: { data: rows.seeds.subarray(0, 1), dims: [] },
    });
  }
}
