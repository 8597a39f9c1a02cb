import type { Graph, Value } from '../graph.ts';
import { add } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { matmul, transposeLast } from '../ops/matmul.ts';
import { reshape, transpose } from '../ops/movement.ts';
import { tensor } from '../types.ts';
import { joined, partsOfSamples } from './conv-geometry.ts';
import type { ConvForms, Geometry, Part, Tables } from './conv-geometry.ts';
import { cut } from './cut.ts';
import { gatherFramed } from './gather-framed.ts';
import type { Frame } from './gather-framed.ts';
import { area, pair, phasesOf, places, tilesOver } from './tiling.ts';
import type { Phases, Tiling } from './tiling.ts';
import { kronecker, transposed, winograd } from './winograd.ts';
import type { Matrix, Winograd } from './winograd.ts';

/*
 * Convolution by Winograd's way, for onnxruntime's CPU provider: tiles of the image and the filters are transformed,
 * multiplied with each other, and the products transformed to tiles of the result. It takes between a half and a quarter
 * of the multiplications of im2col and less memory, and every stage is one operator: a Gather of windows, a MatMul by a
 * constant matrix, a batch of products, a MatMul again, and a Gather of pixels. (Where a product takes a factor transposed,
 * onnxruntime does so as it multiplies: it makes one operator of the two.)
 *
 * A stride of s makes s^2 images (phases) of the large side, each of every s-th pixel. On each phase the convolution is
 * one of stride 1 with every s-th tap, so that a kernel of 4 and a stride of 2 are four kernels of 2: as good for this
 * as any other.
 */

/** Rows of a product from which on the weights, which each part reads and packs anew, hardly matter. */
const enoughRows = 256;

/** Builds the forms of one tiling, computing each table and matrix once. */
export class ConvByTiles implements ConvForms {
  readonly #tiling: Tiling;
  readonly #tables: Tables;

  constructor(tiling: Tiling, tables: Tables) {
    this.#tiling = tiling;
    this.#tables = tables;
  }

  forward(x: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, small } = geometry;
    const filters = this.#filters(w, geometry);
    const parts = partsFor(geometry, this.#tiling).map((part) =>
      this.#smallOf(matmul(this.#windows(x, part), filters), part.geometry),
    );
    const y = reshape(joined(parts), [batch, ...small]);
    return bias ? add(y, bias) : y;
  }

  weightGradient(x: Value, dy: Value, geometry: Geometry): Value {
    const { large, small, kernel, stride } = geometry;
    const { taps, window } = this.#tiling;
    const sum = partsFor(geometry, this.#tiling)
      .map((part) => matmul(transposeLast(this.#windows(x, part)), this.#tilesOf(dy, part)))
      .reduce((a, b) => add(a, b));
    const inner = area(stride) * large[2] * small[2];
    const byTap = this.#transform(reshape(sum, [area(window), inner]), 'weights');
    const split = reshape(byTap, [taps[0], taps[1], stride[0], stride[1], large[2] * small[2]]);
    return reshape(transpose(split, [0, 2, 1, 3, 4]), [...kernel, large[2], small[2]]);
  }

  inputGradient(dy: Value, w: Value, geometry: Geometry, bias?: Value): Value {
    const { batch, large, small, stride } = geometry;
    const products = area(this.#tiling.window) * area(stride);
    const filters = reshape(this.#filters(w, geometry), [products, large[2], small[2]]);
    const parts = partsFor(geometry, this.#tiling).map((part) => {
      const sent = matmul(this.#senders(dy, part), transposeLast(filters));
      return this.#largeOf(sent, part.geometry);
    });
    const dx = reshape(joined(parts), [batch, ...large]);
    return bias ? add(dx, bias) : dx;
  }

  /** w [h, w, C, O] -> [window, phases C, O] */
  #filters(w: Value, { large, small, stride }: Geometry): Value {
    const { taps, window } = this.#tiling;
    const split = reshape(w, [taps[0], stride[0], taps[1], stride[1], large[2] * small[2]]);
    const byTap = reshape(transpose(split, [0, 2, 1, 3, 4]), [
      area(taps),
      area(stride) * large[2] * small[2],
    ]);
    const filters = this.#transform(byTap, 'filter');
    return reshape(filters, [area(window), area(stride) * large[2], small[2]]);
  }

  /** What each tile of the small side is computed of: x [N, H, W, C] -> [window, n tiles, phases C] */
  #windows(x: Value, { first, geometry }: Part): Value {
    const { batch, large, small, stride, before } = geometry;
    const { outputs, taps, window } = this.#tiling;
    const count = tilesOver(small, outputs);
    const lines = pair((axis) => count[axis] * outputs[axis] + taps[axis] - 1);
    // The phases of a pixel along a line sit side by side and are one row.
    const frame = { before, extent: pair((axis) => stride[axis] * lines[axis]), group: stride[1] };
    const local = places(window).map(([u, v]) =>
      places(count).flatMap(([ty, tx]) =>
        Array.from({ length: stride[0] }, (_, phase) => {
          const line = stride[0] * (ty * outputs[0] + u) + phase;
          return line * lines[1] + tx * outputs[1] + v;
        }),
      ),
    );
    const windows = this.#gatherFramed(cut(x, first, batch), frame, local, 'windows', geometry);
    const inner = area(stride) * large[2];
    const flat = reshape(windows, [area(window), batch * area(count) * inner]);
    return reshape(this.#transform(flat, 'input'), [area(window), batch * area(count), inner]);
  }

  /** The tiles of a gradient, transformed as the products are back: dy [N, h, w, O] -> [window, n tiles, O] */
  #tilesOf(dy: Value, { first, geometry }: Part): Value {
    const { batch, small } = geometry;
    const { outputs, window } = this.#tiling;
    const count = tilesOver(small, outputs);
    const whole = pair((axis) => count[axis] * outputs[axis]);
    const frame = { before: [0, 0], extent: whole, group: 1 } as const;
    const local = places(outputs).map(([u, v]) =>
      places(count).map(([ty, tx]) => (ty * outputs[0] + u) * whole[1] + tx * outputs[1] + v),
    );
    const tiles = this.#gatherFramed(cut(dy, first, batch), frame, local, 'tiles', geometry);
    const flat = reshape(tiles, [area(outputs), batch * area(count) * small[2]]);
    return reshape(this.#transform(flat, 'gradient'), [area(window), batch * area(count), small[2]]);
  }

  /** products [window, n tiles, O] -> [n h w, O] */
  #smallOf(products: Value, geometry: Geometry): Value {
    const { batch, small } = geometry;
    const { outputs, window } = this.#tiling;
    const count = tilesOver(small, outputs);
    const tiles = area(count);
    const flat = reshape(products, [area(window), batch * tiles * small[2]]);
    const rows = reshape(this.#transform(flat, 'output'), [area(outputs) * batch * tiles, small[2]]);
    const local = places([small[0], small[1]]).map(([y, x]) => {
      const within = (y % outputs[0]) * outputs[1] + (x % outputs[1]);
      const tile = Math.floor(y / outputs[0]) * count[1] + Math.floor(x / outputs[1]);
      return within * batch * tiles + tile;
    });
    return this.#gather(rows, 'small pixels', geometry, local, tiles);
  }

  /**
   * What each tile of each phase of the large side gets: dy [N, h, w, O] -> [window phases, n tiles, O]. The taps send in
   * the other direction than they read, so windows and tiles are taken backwards, and the filters are as in `forward`.
   */
  #senders(dy: Value, { first, geometry }: Part): Value {
    const { batch, small, stride } = geometry;
    const { outputs, taps, window } = this.#tiling;
    const { begins, count, spread } = phasesOf(geometry, this.#tiling);
    // All phases of a tile are computed of one window, of which each reads its own part.
    const shared = pair((axis) => window[axis] + spread[axis]);
    const lines = pair((axis) => spread[axis] + count[axis] * outputs[axis] + taps[axis] - 1);
    const before = pair((axis) => taps[axis] - 1 - Math.min(...begins[axis]));
    const frame = { before, extent: lines, group: 1 };
    const local = places(shared).map(([u, v]) =>
      places(count).map(
        ([ty, tx]) => (ty * outputs[0] + shared[0] - 1 - u) * lines[1] + tx * outputs[1] + shared[1] - 1 - v,
      ),
    );
    const tiles = batch * area(count);
    const windows = this.#gatherFramed(cut(dy, first, batch), frame, local, 'senders', geometry);
    const flat = reshape(windows, [area(shared), tiles * small[2]]);
    const key = `senders of ${JSON.stringify([begins, this.#tiling])}`;
    const matrix = this.#matrix(dy.graph, key, () => sendersMatrix(begins, this.#tiling));
    return reshape(matmul(matrix, flat), [area(window) * area(stride), tiles, small[2]]);
  }

  /** products [window phases, n tiles, C] -> [n H W, C] */
  #largeOf(products: Value, geometry: Geometry): Value {
    const { batch, large, stride, before } = geometry;
    const { outputs, window } = this.#tiling;
    const { begins, count } = phasesOf(geometry, this.#tiling);
    const [tiles, phases] = [area(count), area(stride)];
    const flat = reshape(products, [area(window), phases * batch * tiles * large[2]]);
    const rows = reshape(this.#transform(flat, 'output'), [area(outputs) * phases * batch * tiles, large[2]]);
    const local = places([large[0], large[1]]).map((pixel) => {
      const phase = pair((axis) => (pixel[axis] + before[axis]) % stride[axis]);
      const at = pair(
        (axis) => Math.floor((pixel[axis] + before[axis]) / stride[axis]) - begins[axis][phase[axis]]!,
      );
      const tile = pair((axis) => Math.floor(at[axis] / outputs[axis]));
      const within = pair((axis) => outputs[axis] - 1 - (at[axis] % outputs[axis]));
      const plane = (within[0] * outputs[1] + within[1]) * phases + phase[0] * stride[1] + phase[1];
      return plane * batch * tiles + tile[0] * count[1] + tile[1];
    });
    return this.#gather(rows, 'large pixels', geometry, local, tiles);
  }

  #gather(rows: Value, what: string, geometry: Geometry, local: readonly number[], stride: number): Value {
    const key = this.#keyOf(what, geometry);
    return gather(rows, this.#tables.rows(rows.graph, key, geometry.batch, [local], stride));
  }

  #gatherFramed(
    images: Value,
    frame: Frame,
    local: readonly (readonly number[])[],
    what: string,
    geometry: Geometry,
  ): Value {
    return gatherFramed(images, frame, local, this.#tables, this.#keyOf(what, geometry));
  }

  #keyOf(what: string, geometry: Geometry): string {
    return `${what} ${JSON.stringify([geometry, this.#tiling.outputs])}`;
  }

  /** One of the transforms along the first axis: [p, n] -> [q, n] */
  #transform(x: Value, which: keyof typeof transforms): Value {
    const { outputs, taps } = this.#tiling;
    const matrix = this.#matrix(x.graph, `${which} ${JSON.stringify([outputs, taps])}`, () => {
      const [height, width] = [winograd(outputs[0], taps[0]), winograd(outputs[1], taps[1])];
      return transforms[which](height, width);
    });
    return matmul(matrix, x);
  }

  #matrix(graph: Graph, key: string, make: () => Matrix): Value {
    return this.#tables.of(graph, key, () => {
      const matrix = make();
      return graph.constant(tensor('float32', matrix.flat(), [matrix.length, matrix[0]!.length]));
    });
  }
}

/** Of the transforms along the two axes those of tiles; the last two carry a gradient back through one. */
const transforms = {
  input: (height: Winograd, width: Winograd) => kronecker(height.input, width.input),
  filter: (height: Winograd, width: Winograd) => kronecker(height.filter, width.filter),
  output: (height: Winograd, width: Winograd) => kronecker(height.output, width.output),
  gradient: (height: Winograd, width: Winograd) => transposed(kronecker(height.output, width.output)),
  weights: (height: Winograd, width: Winograd) => transposed(kronecker(height.filter, width.filter)),
};

const partsFor = (geometry: Geometry, { outputs }: Tiling) =>
  partsOfSamples(geometry, Math.ceil(enoughRows / area(tilesOver(geometry.small, outputs))));

/** From the window that all phases share, backwards, to the transformed windows of each: [window phases, shared]. */
function sendersMatrix(begins: Phases['begins'], { outputs, taps }: Tiling): Matrix {
  /** By phase, along an axis. */
  const along = (axis: 0 | 1) => {
    const { input } = winograd(outputs[axis], taps[axis]);
    const [least, most] = [Math.min(...begins[axis]), Math.max(...begins[axis])];
    const zeros = (count: number) => Array.from({ length: count }, () => 0);
    return begins[axis].map((begin) =>
      input.map((row) => [...zeros(most - begin), ...row, ...zeros(begin - least)]),
    );
  };
  const byPhase = along(0).flatMap((height) => along(1).map((width) => kronecker(height, width)));
  return byPhase[0]!.flatMap((_, product) => byPhase.map((matrix) => matrix[product]!));
}
