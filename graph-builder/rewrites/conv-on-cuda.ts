import type { Value } from '../graph.ts';
import { ConvChannelsLast, GatherOrZero } from '../ops/cuda.ts';
import { gather } from '../ops/indexing.ts';
import { gemm } from '../ops/matmul.ts';
import { add } from '../ops/elementwise.ts';
import { concat, reshape, slice, transpose } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { fixed } from '../shape.ts';
import { tensor } from '../types.ts';
import { joined, nowhere, partsOf, senders, sumOrZeros, Tables } from './conv-geometry.ts';
import type { Geometry, Part } from './conv-geometry.ts';
import { area, pair, places } from './tiling.ts';
import type { Pair } from './tiling.ts';

/** Channels of an image: for so few cuDNN has no kernel on tensor cores, and moves axes besides. */
export const isNarrow = ({ large }: Geometry): boolean => large[2] <= 4;

/**
 * Whether the input gradient can be a convolution to sub-pixels: each pixel of a block, as large as the stride, is
 * reached by as many taps, and channels come in fours on both sides, as tensor cores take them.
 */
export const hasSubPixels = ({ large, small, kernel, stride, dilation }: Geometry): boolean =>
  pair((axis) => kernel[axis] % stride[axis]).every((rest) => rest === 0) &&
  dilation.every((d) => d === 1) &&
  [area(stride) * large[2], small[2]].every((channels) => channels % 4 === 0);

/** Bytes of an im2col: the kernel of Gather counts its elements in 31 bits, and this leaves room for rounding. */
const most = 2 ** 31;

/**
 * Convolutions as matrix products on CUDA: activations [N, H, W, C], weights as ONNX has them, [O, C, h, w]. im2col is
 * one Gather of pixels, whose kernel fills in zeros for those beyond the border: an operator that pads, or that
 * puts a row of zeros behind, takes longer than all the rest.
 */
export class ConvOnCuda {
  readonly #tables = new Tables();
  readonly #most: number;

  /** @param bytes of an im2col, at most */
  constructor(bytes = most) {
    this.#most = bytes;
  }

  /** x [N, H, W, C], w [O, C, h, w], bias [O] -> [N, h, w, O] */
  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, small } = geometry;
    const rows = partsOf(geometry, this.#most).map((part) =>
      gemm(this.#columns(x, geometry, part), matrixOf(w, geometry), {
        transB: true,
        ...(bias ? { c: bias } : {}),
      }),
    );
    return reshape(joined(rows), [batch, ...small]);
  }

  /** x [N, H, W, C], dy [N, h, w, O] -> [O, C, h, w] */
  weightGradient(x: Value, dy: Value, geometry: Geometry): Value {
    const { large, small, kernel } = geometry;
    const sum = partsOf(geometry, this.#most).reduce<Value | undefined>((c, part) => {
      const rows = rowsOf(flat(dy, geometry), part);
      return gemm(rows, this.#columns(x, geometry, part), { transA: true, ...(c ? { c } : {}) });
    }, undefined);
    return transpose(reshape(sum!, [small[2], ...kernel, large[2]]), [0, 3, 1, 2]);
  }

  /** dy [N, h, w, O], w [O, C, h, w] -> [N, H, W, C]: what each tap sends back, gathered and added by pixel. */
  inputGradient(dy: Value, w: Value, geometry: Geometry): Value {
    const { batch, large, small, kernel } = geometry;
    const taps = kernel[0] * kernel[1];
    const stride = small[0] * small[1] * taps;
    const sent = reshape(gemm(flat(dy, geometry), matrixOf(w, geometry)), [batch * stride, large[2]]);
    const whole = { first: 0, geometry };
    const received = senders(geometry).map((local, i) =>
      this.#gather(sent, `senders ${i}`, whole, local, stride),
    );
    const sum = sumOrZeros(received, dy, [batch * large[0] * large[1], large[2]]);
    return reshape(sum, [batch, ...large]);
  }

  /**
   * The same by sub-pixels (Shi et al. 2016), for a geometry that has them: one convolution computes blocks of large
   * pixels, side by side as channels, and one Gather puts them in order and leaves out the pads. It gathers what is
   * wanted and no more, where `inputGradient` gathers and adds what every tap sent.
   */
  inputGradientBySubPixels(dy: Value, w: Value, geometry: Geometry): Value {
    const { batch, large, small, stride, before } = geometry;
    const pads = tapsOf(geometry).map((taps) => taps - 1);
    const blocks = emitOne(ConvChannelsLast, [dy, this.#weightsOfSubPixels(w, geometry)], {
      strides: [1, 1],
      dilations: [1, 1],
      pads: [...pads, ...pads],
      group: 1,
    });
    const count = pair((axis) => small[axis] + pads[axis]!);
    const local = places([large[0], large[1]]).map((pixel) => {
      const [row, column] = pair((axis) => Math.floor((pixel[axis] + before[axis]) / stride[axis]));
      const within = pair((axis) => (pixel[axis] + before[axis]) % stride[axis]);
      const block = row * count[1] + column;
      const isReached = row < count[0] && column < count[1];
      return isReached ? block * area(stride) + within[0] * stride[1] + within[1] : nowhere;
    });
    const perSample = area(count) * area(stride);
    const pixels = reshape(blocks, [batch * perSample, large[2]]);
    const whole = { first: 0, geometry };
    return reshape(this.#gather(pixels, 'sub-pixels', whole, local, perSample), [batch, ...large]);
  }

  /** [O, C, h, w] -> [block C, O, taps]: of the small pixels that reach a block, the last does so by its first tap. */
  #weightsOfSubPixels(w: Value, geometry: Geometry): Value {
    const { large, small, kernel, stride } = geometry;
    const taps = tapsOf(geometry);
    const { graph } = w;
    const perFilter = large[2] * area(kernel);
    const key = JSON.stringify(['weights of sub-pixels', large[2], small[2], kernel, stride]);
    const table = this.#tables.of(graph, key, () => {
      const local = places(stride).flatMap((within) =>
        Array.from({ length: large[2] }, (_, channel) => channel * area(kernel)).flatMap((first) =>
          places(taps).map((place) => {
            const [i, j] = pair((axis) => (taps[axis] - 1 - place[axis]) * stride[axis] + within[axis]);
            return first + i * kernel[1] + j;
          }),
        ),
      );
      const filters = Array.from({ length: small[2] }, (_, filter) => filter * perFilter);
      return add(
        graph.constant(tensor('int32', local, [area(stride) * large[2], 1, ...taps])),
        graph.constant(tensor('int32', filters, [small[2], 1, 1])),
      );
    });
    return gather(reshape(w, [small[2] * perFilter]), table);
  }

  /** im2col of a part: [N, H, W, C] -> [n h w, taps C] */
  #columns(x: Value, { batch: all }: Geometry, part: Part): Value {
    const { batch, large, small, kernel, stride, dilation, before } = part.geometry;
    const pixels = large[0] * large[1];
    const local: number[] = [];
    for (let oh = 0; oh < small[0]; oh++)
      for (let ow = 0; ow < small[1]; ow++)
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j++) {
            const row = oh * stride[0] + i * dilation[0] - before[0];
            const column = ow * stride[1] + j * dilation[1] - before[1];
            const isInside = row >= 0 && row < large[0] && column >= 0 && column < large[1];
            local.push(isInside ? row * large[1] + column : nowhere);
          }
    const columns = this.#gather(reshape(x, [all * pixels, large[2]]), 'columns', part, local, pixels);
    return reshape(columns, [batch * small[0] * small[1], kernel[0] * kernel[1] * large[2]]);
  }

  /**
   * Rows for the samples of a part by the row numbers for one, each sample `stride` rows after the one before. Their
   * table is [n, 1] + [1, rows], which onnxruntime folds when it loads the model, so that the file stays small.
   */
  #gather(
    rows: Value,
    what: string,
    { first, geometry }: Part,
    local: readonly number[],
    stride: number,
  ): Value {
    // Channels make no difference: the layers of both networks share their tables.
    const { batch, large, small, ...others } = geometry;
    const count = batch * local.length;
    const more = surplus(count, fixed(rows.shape[1]));
    const key = JSON.stringify([what, first, batch, large.slice(0, 2), small.slice(0, 2), others, more]);
    const { graph } = rows;
    const table = this.#tables.of(graph, key, () => {
      const starts = Array.from({ length: batch }, (_, n) => (first + n) * stride);
      const numbers = add(
        graph.constant(tensor('int32', starts, [batch, 1])),
        graph.constant(tensor('int32', local, [1, local.length])),
      );
      const wanted = reshape(numbers, [count]);
      return more
        ? concat([wanted, graph.constant(tensor('int32', Array<number>(more).fill(nowhere)))], 0)
        : wanted;
    });
    const gathered = emitOne(GatherOrZero, [rows, table], { axis: 0 });
    return more ? slice(gathered, { 0: [0, count] }) : gathered;
  }
}

/**
 * Rows to gather beyond those that are wanted: the provider's kernel counts its blocks of 256 elements in float32, and
 * so leaves the last elements of some tensors of more than 2^24 unwritten.
 */
function surplus(rows: number, width: number): number {
  const isWritten = (elements: number) => Math.ceil(Math.fround(elements) / 256) * 256 >= elements;
  let more = 0;
  while (!isWritten((rows + more) * width)) more++;
  return more;
}

/** Taps that reach a large pixel along each axis, where it is as many for all. */
const tapsOf = ({ kernel, stride }: Geometry): Pair => pair((axis) => kernel[axis] / stride[axis]);

/** [N, h, w, O] -> [N h w, O] */
const flat = (dy: Value, { batch, small }: Geometry): Value =>
  reshape(dy, [batch * small[0] * small[1], small[2]]);

/** The rows of a part among those [N h w, O] of all. */
function rowsOf(rows: Value, { first, geometry: { batch, small } }: Part): Value {
  const pixels = small[0] * small[1];
  const isAll = batch * pixels === rows.shape[0];
  return isAll ? rows : slice(rows, { 0: [first * pixels, (first + batch) * pixels] });
}

/** [O, C, h, w] -> [O, h w C], taps in the order of im2col */
const matrixOf = (w: Value, { large, small, kernel }: Geometry): Value =>
  reshape(transpose(w, [0, 2, 3, 1]), [small[2], kernel[0] * kernel[1] * large[2]]);
