import { InputError } from './errors.ts';
import { maxPixels } from './picture.ts';
import type { ImageShape, Picture } from './picture.ts';

// Runs in browsers too: no Node.

export interface GridOptions {
  /** Default: as many as make the grid near-square. */
  readonly columns?: number;
}

/** Pixels between images. */
const gutter = 2;
const gutterValue = 64;

/**
 * Images as one picture, row by row, with a gutter between them.
 *
 * @param images [count, C, H, W] in [-1, 1]; what lies outside is clipped
 * @throws InputError where the grid is too large for a picture.
 */
export function imageGrid(
  images: Float32Array,
  shape: ImageShape & { readonly count: number },
  { columns = Math.ceil(Math.sqrt(shape.count)) }: GridOptions = {},
): Picture {
  const { count, channels, height, width } = shape;
  if (!Number.isInteger(columns) || columns < 1)
    throw new InputError(`columns ${columns} must be an integer >= 1`);
  checkLength(images, count, shape);
  const across = Math.min(columns, count);
  const gridWidth = across * (width + gutter) - gutter;
  const gridHeight = Math.ceil(count / across) * (height + gutter) - gutter;
  if (gridWidth * gridHeight > maxPixels)
    throw new InputError(
      `a grid of ${count} images has ${gridWidth} x ${gridHeight} pixels, must have at most ${maxPixels}; write single files instead`,
    );
  const pixels = new Uint8ClampedArray(gridWidth * gridHeight * channels).fill(gutterValue);
  for (let i = 0; i < count; i++) {
    const left = (i % across) * (width + gutter);
    const top = Math.floor(i / across) * (height + gutter);
    copyImage(images, i, shape, pixels, (top * gridWidth + left) * channels, gridWidth * channels);
  }
  return { pixels, channels, height: gridHeight, width: gridWidth };
}

function checkLength(images: Float32Array, count: number, { channels, height, width }: ImageShape): void {
  if (channels !== 1 && channels !== 3) throw new RangeError(`channels ${channels} must be 1 or 3`);
  const wanted = count * channels * height * width;
  if (count < 1 || images.length !== wanted)
    throw new RangeError(
      `${images.length} elements must fill [${[count, channels, height, width].join(', ')}], which has ${wanted}`,
    );
}

/** Planes in [-1, 1] to interleaved bytes at `start`, rows `stride` apart. */
function copyImage(
  images: Float32Array,
  index: number,
  { channels, height, width }: ImageShape,
  pixels: Uint8ClampedArray,
  start: number,
  stride: number,
): void {
  let from = index * channels * height * width;
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        pixels[start + y * stride + x * channels + c] = (images[from++]! + 1) * 127.5;
}
