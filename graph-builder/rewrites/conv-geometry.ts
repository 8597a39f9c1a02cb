import type { Graph, Value } from '../graph.ts';
import type { ConvAttributes } from '../ops/convolution.ts';
import { add, min } from '../ops/elementwise.ts';
import { concat, reshape } from '../ops/movement.ts';
import { fixed, sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';

/* What convolutions as matrix products have in common, whatever computes them. */

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

/** A way of computing the three readings of a convolution: activations channels-last, weights [h, w, C, O]. */
export interface ConvForms {
  /** x [N, H, W, C], w [h, w, C, O], bias [O] -> [N, h, w, O] */
  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value;
  /** x [N, H, W, C], dy [N, h, w, O] -> [h, w, C, O] */
  weightGradient(x: Value, dy: Value, geometry: Geometry): Value;
  /** dy [N, h, w, O], w [h, w, C, O], bias [C] -> [N, H, W, C] */
  inputGradient(dy: Value, w: Value, geometry: Geometry, bias?: Value): Value;
}

/** Some samples of the batch, worked on together. */
export interface Part {
  /** Its first sample. */
  readonly first: number;
  /** The convolution of these samples alone. */
  readonly geometry: Geometry;
}

/** The batch in equal parts (but for the last), each of one sample or whose im2col takes so many bytes at most. */
export function partsOf(geometry: Geometry, bytes: number): readonly Part[] {
  const { large, small, kernel } = geometry;
  const row = 4 * kernel[0] * kernel[1] * large[2];
  return partsOfSamples(geometry, Math.floor(bytes / (row * small[0] * small[1])));
}

/** The batch in equal parts (but for the last), each of so many samples at most, and of one at least. */
export function partsOfSamples(geometry: Geometry, most: number): readonly Part[] {
  const { batch } = geometry;
  const count = Math.ceil(batch / Math.max(1, most));
  const size = Math.ceil(batch / count);
  return Array.from({ length: Math.ceil(batch / size) }, (_, i) => ({
    first: i * size,
    geometry: { ...geometry, batch: Math.min(size, batch - i * size) },
  }));
}

/** Tables, of row numbers for instance, each made once in a graph: what the body of a loop computes is not there outside of it. */
export class Tables {
  readonly #made = new Map<Graph, Map<string, Value>>();

  of(graph: Graph, key: string, make: () => Value): Value {
    let known = this.#made.get(graph);
    if (!known) this.#made.set(graph, (known = new Map<string, Value>()));
    let table = known.get(key);
    if (!table) known.set(key, (table = make()));
    return table;
  }

  /**
   * Row numbers for all samples from those of one: local [..., 1, n] + the start of each sample [batch, 1], which
   * onnxruntime folds when it loads the model, so that the file stays small. Beyond the last sample's rows lies only
   * `missing`.
   *
   * @param local lists of one length
   * @param stride rows of a sample
   * @returns [lists, batch, n], flat
   */
  rows(
    graph: Graph,
    key: string,
    batch: number,
    local: readonly (readonly number[])[],
    stride: number,
    missing?: number,
  ): Value {
    return this.of(graph, `${key} of ${batch}`, () => {
      const [lists, n] = [local.length, local[0]!.length];
      const starts = Array.from({ length: batch }, (_, sample) => sample * stride);
      const rows = add(
        graph.constant(tensor('int32', local.flat(), [lists, 1, n])),
        graph.constant(tensor('int32', starts, [batch, 1])),
      );
      return reshape(missing === undefined ? rows : min(rows, missing), [lists * batch * n]);
    });
  }
}

/**
 * The sum of values of that shape; where there are none, as where a stride passes every pixel by, zeros of the type and
 * in the graph of another value.
 */
export const sumOrZeros = (
  values: readonly Value[],
  { graph, dtype }: Value,
  shape: readonly number[],
): Value =>
  values.length
    ? values.reduce((a, b) => add(a, b))
    : graph.constant(tensor(dtype, new Float32Array(sizeOf(shape)), shape));

export const joined = (parts: readonly Value[]) => (parts.length === 1 ? parts[0]! : concat(parts, 0));

/** Larger than any row number, and still so after a batch's offset is added. */
export const nowhere = 2 ** 30;

/** For each large pixel the rows (small pixel, tap) that reach it, as lists of equal length. */
export function senders({ large, small, kernel, stride, dilation, before }: Geometry): number[][] {
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
