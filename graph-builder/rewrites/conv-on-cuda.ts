import type { Graph, Value } from '../graph.ts';
import { GatherOrZero } from '../ops/cuda.ts';
import { add } from '../ops/elementwise.ts';
import { gemm } from '../ops/matmul.ts';
import { reshape, transpose } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { tensor } from '../types.ts';
import { nowhere, senders } from './conv-as-matmul.ts';
import type { Geometry } from './conv-as-matmul.ts';

/** Channels of an image: for so few cuDNN has no kernel on tensor cores, and moves axes besides. */
export const isNarrow = ({ large }: Geometry): boolean => large[2] <= 4;

/**
 * Convolutions as matrix products on CUDA: activations [N, H, W, C], weights as ONNX has them, [O, C, h, w]. im2col is
 * one Gather of pixels, whose kernel fills in zeros for those beyond the border: an operator that pads, or that
 * puts a row of zeros behind, takes longer than all the rest.
 */
export class ConvOnCuda {
  readonly #tables = new Map<string, Value>();

  /** x [N, H, W, C], w [O, C, h, w], bias [O] -> [N, h, w, O] */
  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, small } = geometry;
    const rows = gemm(this.#columns(x, geometry), matrixOf(w, geometry), {
      transB: true,
      ...(bias ? { c: bias } : {}),
    });
    return reshape(rows, [batch, ...small]);
  }

  /** x [N, H, W, C], dy [N, h, w, O] -> [O, C, h, w] */
  weightGradient(x: Value, dy: Value, geometry: Geometry): Value {
    const { large, small, kernel } = geometry;
    const product = gemm(rowsOf(dy, geometry), this.#columns(x, geometry), { transA: true });
    return transpose(reshape(product, [small[2], ...kernel, large[2]]), [0, 3, 1, 2]);
  }

  /** dy [N, h, w, O], w [O, C, h, w] -> [N, H, W, C]: what each tap sends back, gathered and added by pixel. */
  inputGradient(dy: Value, w: Value, geometry: Geometry): Value {
    const { batch, large, small, kernel } = geometry;
    const taps = kernel[0] * kernel[1];
    const sent = reshape(gemm(rowsOf(dy, geometry), matrixOf(w, geometry)), [
      batch * small[0] * small[1] * taps,
      large[2],
    ]);
    const stride = small[0] * small[1] * taps;
    const received = senders(geometry).map((local, i) =>
      this.#gather(sent, `senders ${i}`, geometry, local, stride),
    );
    return reshape(
      received.reduce((a, b) => add(a, b)),
      [batch, ...large],
    );
  }

  /** im2col: [N, H, W, C] -> [N h w, taps C] */
  #columns(x: Value, geometry: Geometry): Value {
    const { batch, large, small, kernel, stride, dilation, before } = geometry;
    const pixels = large[0] * large[1];
    const local: number[] = [];
    for (let oh = 0; oh < small[0]; oh++)
      for (let ow = 0; ow < small[1]; ow++)
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j++) {
            const y = oh * stride[0] + i * dilation[0] - before[0];
            const x = ow * stride[1] + j * dilation[1] - before[1];
            const isInside = y >= 0 && y < large[0] && x >= 0 && x < large[1];
            local.push(isInside ? y * large[1] + x : nowhere);
          }
    const columns = this.#gather(reshape(x, [batch * pixels, large[2]]), 'columns', geometry, local, pixels);
    return reshape(columns, [batch * small[0] * small[1], kernel[0] * kernel[1] * large[2]]);
  }

  /** Rows for all samples by the row numbers for one, each sample `stride` rows after the one before. */
  #gather(rows: Value, what: string, geometry: Geometry, local: readonly number[], stride: number): Value {
    return emitOne(GatherOrZero, [rows, this.#table(rows.graph, what, geometry, local, stride)], { axis: 0 });
  }

  /** [N, 1] + [1, n], which onnxruntime folds when it loads the model, so that the file stays small. */
  #table(graph: Graph, what: string, geometry: Geometry, local: readonly number[], stride: number): Value {
    // Channels make no difference: the layers of both networks share their tables.
    const { large, small, ...others } = geometry;
    const key = `${what} ${JSON.stringify([large.slice(0, 2), small.slice(0, 2), others])}`;
    let table = this.#tables.get(key);
    if (!table) {
      const { batch } = geometry;
      const starts = Array.from({ length: batch }, (_, n) => n * stride);
      const rows = add(
        graph.constant(tensor('int32', starts, [batch, 1])),
        graph.constant(tensor('int32', local, [1, local.length])),
      );
      table = reshape(rows, [batch * local.length]);
      this.#tables.set(key, table);
    }
    return table;
  }
}

/** [N, h, w, O] -> [N h w, O] */
const rowsOf = (dy: Value, { batch, small }: Geometry): Value =>
  reshape(dy, [batch * small[0] * small[1], small[2]]);

/** [O, C, h, w] -> [O, h w C], taps in the order of im2col */
const matrixOf = (w: Value, { large, small, kernel }: Geometry): Value =>
  reshape(transpose(w, [0, 2, 3, 1]), [small[2], kernel[0] * kernel[1] * large[2]]);
