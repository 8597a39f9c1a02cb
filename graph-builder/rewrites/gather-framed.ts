import type { Value } from '../graph.ts';
import { gather } from '../ops/indexing.ts';
import { pad, reshape } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import { nowhere } from './conv-geometry.ts';
import type { Tables } from './conv-geometry.ts';
import { area } from './tiling.ts';
import type { Pair } from './tiling.ts';

/** Zeros around an image. */
export interface Frame {
  /** Lines and columns of zeros before those of the image. */
  readonly before: Pair;
  /** Lines and columns of both together. */
  readonly extent: Pair;
  /** Pixels of a line that are gathered as one row: side by side, and the columns are a multiple of it. */
  readonly group: number;
}

/** Channels from which on pixels are gathered one by one as fast as in groups. */
const wide = 32;

/**
 * Rows of pixels of images with a frame around them, for onnxruntime's CPU provider. Its Pad copies line by line with
 * one thread, and takes twice as long as its Gather, which copies with all. So what is beyond the border of an image is
 * gathered from one pixel of zeros behind the last image instead; only where groups of narrow pixels are gathered does
 * it take less to write the frame.
 *
 * @param images [n, H, W, C]
 * @param local for each list the numbers of rows of one framed image, line by line; lists are of one length
 * @param key what these numbers depend on, but for n
 * @returns [lists * n * length, group * C]
 */
export function gatherFramed(
  images: Value,
  { before, extent, group }: Frame,
  local: readonly (readonly number[])[],
  tables: Tables,
  key: string,
): Value {
  const [n, height, width, channels] = images.shape.map(fixed) as [number, number, number, number];
  const [lines, columns] = extent;
  const after = [lines - height - before[0], columns - width - before[1]] as const;
  const isBare = [...before, ...after].every((zeros) => zeros === 0);
  if (isBare || (group > 1 && channels < wide)) {
    const framed = pad(images, [0, ...before, 0, 0, ...after, 0]);
    const stride = area(extent) / group;
    const rows = reshape(framed, [n * stride, group * channels]);
    return gather(rows, tables.rows(images.graph, key, n, local, stride));
  }
  const pixel = (number: number) => {
    const [line, column] = [Math.floor(number / columns) - before[0], (number % columns) - before[1]];
    const isInside = line >= 0 && line < height && column >= 0 && column < width;
    return isInside ? line * width + column : nowhere;
  };
  const pixels = local.map((rows) =>
    rows.flatMap((row) => Array.from({ length: group }, (_, i) => pixel(row * group + i))),
  );
  const stride = height * width;
  const withZeros = pad(reshape(images, [n * stride, channels]), [0, 0, 1, 0]);
  const gathered = gather(withZeros, tables.rows(images.graph, key, n, pixels, stride, n * stride));
  return reshape(gathered, [pixels.length * n * local[0]!.length, group * channels]);
}
