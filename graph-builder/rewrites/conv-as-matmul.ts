import type { Value } from '../graph.ts';
import { add, mul } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { pad, reshape } from '../ops/movement.ts';
import { fixed, sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';
import { joined, partsOf, senders, sumOrZeros } from './conv-geometry.ts';
import type { ConvForms, Geometry, Part, Tables } from './conv-geometry.ts';
import { cut } from './cut.ts';
import { gatherFramed } from './gather-framed.ts';

/*
 * Convolution as matrix multiplication, for onnxruntime's CPU provider: with activations as [N, H, W, C] and weights as
 * [h, w, C, O], im2col is one Gather of rows of channels, and forward, weight gradient and input gradient are one
 * MatMul each at the full speed of its kernel. Against Conv and ConvTranspose on weights that are not constant this is
 * 1.5x faster over a whole discriminator step, most of it in the weight gradient.
 */

/**
 * Bytes that stay in the processor's cache between the operator that writes and the one that reads them: a convolution in
 * such parts is up to twice as fast as the whole batch at once, and takes a fraction of the memory.
 */
const cached = 4 * 2 ** 20;

/** Parts for the cache, but no smaller than four times the weights, which each of them reads and packs anew. */
const partsFor = (geometry: Geometry) => {
  const { large, small, kernel } = geometry;
  return partsOf(geometry, Math.max(cached, 16 * sizeOf([...kernel, large[2], small[2]])));
};

/** Builds the matrix forms, computing each index table once. */
export class ConvAsMatmul implements ConvForms {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, large, small, kernel } = geometry;
    const matrix = reshape(w, [kernel[0] * kernel[1] * large[2], small[2]]);
    const parts = partsFor(geometry).map((part) => {
      const columns = this.#columns(x, part);
      return bias ? gemm(columns, matrix, { c: bias }) : matmul(columns, matrix);
    });
    return reshape(joined(parts), [batch, ...small]);
  }

  /** The sum over the parts, each product added to the one before. */
  weightGradient(x: Value, dy: Value, geometry: Geometry): Value {
    const { large, small, kernel } = geometry;
    const sum = partsFor(geometry).reduce<Value | undefined>(
      (c, part) => gemm(this.#columns(x, part), rowsOf(dy, part), { transA: true, ...(c ? { c } : {}) }),
      undefined,
    );
    return reshape(sum!, [...kernel, large[2], small[2]]);
  }

  /** What each tap sends back, gathered and added by pixel: as many terms for each, with its share of the bias in them. */
  inputGradient(dy: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, large, small, kernel } = geometry;
    const taps = kernel[0] * kernel[1];
    const matrix = reshape(w, [taps * large[2], small[2]]);
    const bySmallPixel = senders(geometry);
    const terms = bySmallPixel.length;
    const share = bias && terms > 0 ? { c: repeated(mul(bias, 1 / terms), taps) } : {};
    const parts = partsFor(geometry).map((part) => {
      // A row of zeros behind the others sends to what nothing else reaches.
      const padded = pad(rowsOf(dy, part), [0, 0, 1, 0]);
      const senderCount = fixed(padded.shape[0]) * taps;
      const sent = reshape(gemm(padded, matrix, { transB: true, ...share }), [senderCount, large[2]]);
      const received = bySmallPixel.map((local, i) => {
        const stride = small[0] * small[1] * taps;
        const key = `senders ${i} ${JSON.stringify(part.geometry)}`;
        const { batch } = part.geometry;
        return gather(sent, this.#tables.rows(dy.graph, key, batch, [local], stride, senderCount - taps));
      });
      const sum = sumOrZeros(received, dy, [part.geometry.batch * large[0] * large[1], large[2]]);
      return bias && terms === 0 ? add(sum, bias) : sum;
    });
    return reshape(joined(parts), [batch, ...large]);
  }

  /** im2col of a part: [N, H, W, C] -> [n h w, taps C], taps in the order of the weight matrix. */
  #columns(x: Value, { first, geometry }: Part): Value {
    const { batch, large, small, kernel, stride, dilation, before } = geometry;
    const c = large[2];
    const reach = (axis: 0 | 1) => stride[axis] * (small[axis] - 1) + (kernel[axis] - 1) * dilation[axis] + 1;
    // Pixels that sit side by side in every window can be gathered as one row: with kernel 4 and stride 2, pairs.
    const aligned = dilation[1] === 1 && kernel[1] % stride[1] === 0;
    const group = aligned ? stride[1] : 1;
    const width = Math.ceil(Math.max(reach(1), large[1] + before[1]) / group) * group;
    const height = Math.max(reach(0), large[0] + before[0]);
    const groupsPerRow = width / group;
    const local: number[] = [];
    for (let oh = 0; oh < small[0]; oh++)
      for (let ow = 0; ow < small[1]; ow++)
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j += group)
            local.push(
              (oh * stride[0] + i * dilation[0]) * groupsPerRow + (ow * stride[1] + j * dilation[1]) / group,
            );
    const frame = { before, extent: [height, width], group } as const;
    const key = `columns ${JSON.stringify(geometry)}`;
    const rows = gatherFramed(cut(x, first, batch), frame, [local], this.#tables, key);
    return reshape(rows, [batch * small[0] * small[1], kernel[0] * kernel[1] * c]);
  }
}

/** The rows of a part: [N, h, w, O] -> [n h w, O] */
const rowsOf = (dy: Value, { first, geometry: { batch, small } }: Part): Value =>
  reshape(cut(dy, first, batch), [batch * small[0] * small[1], small[2]]);

/** A vector several times in a row: [n] -> [times n] */
function repeated(vector: Value, times: number): Value {
  const ones = vector.graph.constant(tensor('float32', new Float32Array(times).fill(1), [times, 1]));
  const length = fixed(vector.shape[0]);
  return reshape(mul(ones, reshape(vector, [1, length])), [times * length]);
}
