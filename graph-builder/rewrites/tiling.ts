import type { Geometry } from './conv-geometry.ts';
import { mostProducts } from './winograd.ts';

/* How a convolution is cut into tiles, and whether that pays. */

/** Per axis, height first. */
export type Pair = readonly [number, number];

/** How a convolution is cut: what is common to its three readings. */
export interface Tiling {
  /** Pixels of the small side, or of a phase of the large, in a tile. */
  readonly outputs: Pair;
  /** Taps of the kernel on each phase. */
  readonly taps: Pair;
  /** What a tile is computed of: outputs + taps - 1. */
  readonly window: Pair;
}

export const pair = (of: (axis: 0 | 1) => number): Pair => [of(0), of(1)];
export const area = ([height, width]: Pair): number => height * width;

/** Channels on either side from which on a tile is worth its transforms. */
const fewestChannels = 8;

/** What it takes to make an element of a matrix and to bring it to a product, in multiplications: as measured. */
const perElement = 75;

/** What so many products of matrices take, all of one size. */
const work = (products: number, rows: number, inner: number, columns: number): number =>
  products * (rows * inner * columns + perElement * (rows * inner + inner * columns + rows * columns));

/** The tiling of a convolution that takes the least work; undefined where im2col takes less. */
export function tilingOf(geometry: Geometry): Tiling | undefined {
  const { batch, large, small, kernel, stride, dilation } = geometry;
  const taps = pair((axis) => kernel[axis] / stride[axis]);
  const isEven = taps.every(Number.isInteger) && dilation.every((d) => d === 1);
  if (!isEven || Math.min(large[2], small[2]) < fewestChannels) return undefined;
  let least = work(1, batch * small[0] * small[1], area(kernel) * large[2], small[2]);
  let best: Tiling | undefined;
  for (const height of outputsFor(taps[0]))
    for (const width of outputsFor(taps[1])) {
      const outputs: Pair = [height, width];
      const window = pair((axis) => outputs[axis] + taps[axis] - 1);
      const tiles = area(tilesOver(small, outputs));
      const tiled = work(area(window), batch * tiles, area(stride) * large[2], small[2]);
      if (tiled < least) [least, best] = [tiled, { outputs, taps, window }];
    }
  return best;
}

/** Outputs that a tile may have along an axis: with one tap there is nothing to save. */
const outputsFor = (taps: number): readonly number[] =>
  taps === 1 ? [1] : [2, 3, 4].filter((outputs) => outputs + taps - 1 <= mostProducts);

/** Tiles along each axis. */
export const tilesOver = (extents: readonly number[], outputs: Pair): Pair =>
  pair((axis) => Math.ceil(extents[axis]! / outputs[axis]));

/** All places of a grid, line by line. */
export const places = ([height, width]: Pair): Pair[] =>
  Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);

/** How the phases of the large side lie to the small. */
export interface Phases {
  /** Per axis, for each phase: the pixel of the small side whose first tap reaches its first pixel. */
  readonly begins: readonly [readonly number[], readonly number[]];
  /** How far these lie apart. */
  readonly spread: Pair;
  /** Tiles that cover each phase. */
  readonly count: Pair;
}

export function phasesOf({ large, stride, before }: Geometry, { outputs }: Tiling): Phases {
  const along = (axis: 0 | 1) =>
    Array.from({ length: stride[axis] }, (_, phase) => {
      const begin = Math.ceil((before[axis] - phase) / stride[axis]);
      const last = Math.floor((large[axis] - 1 + before[axis] - phase) / stride[axis]);
      return { begin, extent: last - begin + 1 };
    });
  const axes = [along(0), along(1)] as const;
  return {
    begins: [axes[0].map(({ begin }) => begin), axes[1].map(({ begin }) => begin)],
    spread: pair((axis) => {
      const begins = axes[axis].map(({ begin }) => begin);
      return Math.max(...begins) - Math.min(...begins);
    }),
    count: pair((axis) => Math.ceil(Math.max(...axes[axis].map(({ extent }) => extent)) / outputs[axis])),
  };
}
