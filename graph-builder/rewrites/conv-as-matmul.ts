import type { Graph, Value } from '../graph.ts';
import type { ConvAttributes } from '../ops/convolution.ts';
import { add, min } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { gemm, matmul } from '../ops/matmul.ts';
import { concat, pad, reshape } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import { tensor } from '../types.ts';

/*
 * Convolution as matrix multiplication, for onnxruntime's CPU provider: with activations as [N, H, W, C] and weights as
 * [h, w, C, O], im2col is one Gather of rows of channels, and forward, weight gradient and input gradient are one
 * MatMul each at the full speed of its kernel. Against Conv and ConvTranspose on weights that are not constant this is
 * 1.5x faster over a whole discriminator step, most of it in the weight gradient.
 */

/** A 2-D convolution between a large side [N, H, W, C] and a small side [N, h, w, O]. */
export interface Geometry {
  readonly batch: number;
  /** H, W and C of the large side. */
  readonly large: readonly [number, number, number];
  /** h, w and O of the small side. */
  readonly small: readonly [number, number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Pads before the first row and column. */
  readonly before: readonly [number, number];
}

/** Geometry of a Conv from x to y with OIHW weights; x and y in plain layout. */
export function geometryOf(
  x: Value,
  y: Value,
  kernel: readonly number[],
  attributes: ConvAttributes,
): Geometry {
  const [n, c, h, w] = x.shape.map(fixed);
  const [, o, oh, ow] = y.shape.map(fixed);
  const pair = (values: readonly number[]) => [values[0]!, values[1]!] as const;
  return {
    batch: n!,
    large: [h!, w!, c!],
    small: [oh!, ow!, o!],
    kernel: pair(kernel),
    stride: pair(attributes.strides),
    dilation: pair(attributes.dilations),
    before: pair(attributes.pads),
  };
}

/** Builds the matrix forms on one graph, computing each index table and each im2col once. */
export class ConvAsMatmul {
  readonly #columns = new Map<Value, Map<string, Value>>();
  readonly #tables = new Map<string, Value>();

  /** x [N, H, W, C], w [h, w, C, O], bias [O] -> [N, h, w, O] */
  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, small } = geometry;
    const columns = this.columns(x, geometry);
    const matrix = reshape(w, [fixed(columns.shape[1]), small[2]]);
    const y = bias ? gemm(columns, matrix, { c: bias }) : matmul(columns, matrix);
    return reshape(y, [batch, ...small]);
  }

  /** x [N, H, W, C], dy [N, h, w, O] -> [h, w, C, O] */
  weightGradient(x: Value, dy: Value, geometry: Geometry): Value {
    const { batch, large, small, kernel } = geometry;
    const rows = reshape(dy, [batch * small[0] * small[1], small[2]]);
    return reshape(gemm(this.columns(x, geometry), rows, { transA: true }), [...kernel, large[2], small[2]]);
  }

  /** dy [N, h, w, O], w [h, w, C, O] -> [N, H, W, C]: what each tap sends back, gathered and added by pixel. */
  inputGradient(dy: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, large, small, kernel } = geometry;
    const taps = kernel[0] * kernel[1];
    const rows = batch * small[0] * small[1];
    const zeroRow = dy.graph.constant(tensor('float32', new Float32Array(small[2]), [1, small[2]]));
    const padded = concat([reshape(dy, [rows, small[2]]), zeroRow], 0);
    const sent = gemm(padded, reshape(w, [taps * large[2], small[2]]), { transB: true });
    const bySender = reshape(sent, [(rows + 1) * taps, large[2]]);
    const received = senders(geometry).map((local, i) =>
      gather(
        bySender,
        this.#table(dy.graph, `senders ${i}`, geometry, local, small[0] * small[1] * taps, rows * taps),
      ),
    );
    const sum = received.reduce((a, b) => add(a, b));
    return reshape(bias ? add(sum, bias) : sum, [batch, ...large]);
  }

  /** im2col: [N, H, W, C] -> [N h w, taps C], taps in the order of the weight matrix. */
  columns(x: Value, geometry: Geometry): Value {
    const key = JSON.stringify({ ...geometry, small: geometry.small.slice(0, 2) });
    let byGeometry = this.#columns.get(x);
    if (!byGeometry) this.#columns.set(x, (byGeometry = new Map<string, Value>()));
    let columns = byGeometry.get(key);
    if (!columns) byGeometry.set(key, (columns = this.#buildColumns(x, geometry)));
    return columns;
  }

  #buildColumns(x: Value, geometry: Geometry): Value {
    const { batch, large, small, kernel, stride, dilation, before } = geometry;
    const c = large[2];
    const reach = (axis: 0 | 1) => stride[axis] * (small[axis] - 1) + (kernel[axis] - 1) * dilation[axis] + 1;
    // Pixels that sit side by side in every window can be gathered as one row: with kernel 4 and stride 2, pairs.
    const aligned = dilation[1] === 1 && kernel[1] % stride[1] === 0;
    const group = aligned ? stride[1] : 1;
    const width = Math.ceil(Math.max(reach(1), large[1] + before[1]) / group) * group;
    const height = Math.max(reach(0), large[0] + before[0]);
    const ends = [height - large[0] - before[0], width - large[1] - before[1]] as const;
    const padded = pad(x, [0, before[0], before[1], 0, 0, ends[0], ends[1], 0]);
    const groupsPerRow = width / group;
    const local: number[] = [];
    for (let oh = 0; oh < small[0]; oh++)
      for (let ow = 0; ow < small[1]; ow++)
        for (let i = 0; i < kernel[0]; i++)
          for (let j = 0; j < kernel[1]; j += group)
            local.push(
              (oh * stride[0] + i * dilation[0]) * groupsPerRow + (ow * stride[1] + j * dilation[1]) / group,
            );
    const rows = reshape(padded, [batch * height * groupsPerRow, group * c]);
    const table = this.#table(x.graph, 'columns', geometry, local, height * groupsPerRow);
    return reshape(gather(rows, table), [batch * small[0] * small[1], kernel[0] * kernel[1] * c]);
  }

  /**
   * Row numbers for the whole batch from those of one sample: [N, 1] + [1, n], which onnxruntime folds when it loads
   * the model, so that the file stays small. Beyond the last sample's rows lies only `missing`.
   */
  #table(
    graph: Graph,
    what: string,
    geometry: Geometry,
    local: readonly number[],
    stride: number,
    missing?: number,
  ): Value {
    const key = `${what} ${JSON.stringify(geometry)}`;
    let table = this.#tables.get(key);
    if (!table) {
      const { batch } = geometry;
      const starts = Array.from({ length: batch }, (_, n) => n * stride);
      const rows = add(
        graph.constant(tensor('int32', starts, [batch, 1])),
        graph.constant(tensor('int32', local, [1, local.length])),
      );
      table = reshape(missing === undefined ? rows : min(rows, missing), [batch * local.length]);
      this.#tables.set(key, table);
    }
    return table;
  }
}

/** Larger than any row number, and still so after a batch's offset is added. */
const nowhere = 2 ** 30;

/** For each large pixel the rows (small pixel, tap) that reach it, as lists of equal length. */
function senders({ large, small, kernel, stride, dilation, before }: Geometry): number[][] {
  const perPixel: number[][] = [];
  for (let y = 0; y < large[0]; y++)
    for (let x = 0; x < large[1]; x++) {
      const rows: number[] = [];
      for (let i = 0; i < kernel[0]; i++)
        for (let j = 0; j < kernel[1]; j++) {
          const oy = (y + before[0] - i * dilation[0]) / stride[0];
          const ox = (x + before[1] - j * dilation[1]) / stride[1];
          const inside = Number.isInteger(oy) && Number.isInteger(ox) && oy >= 0 && ox >= 0;
          if (inside && oy < small[0] && ox < small[1])
            rows.push((oy * small[1] + ox) * kernel[0] * kernel[1] + i * kernel[1] + j);
        }
      perPixel.push(rows);
    }
  const most = Math.max(...perPixel.map((rows) => rows.length));
  return Array.from({ length: most }, (_, t) => perPixel.map((rows) => rows[t] ?? nowhere));
}
