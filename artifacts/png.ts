import type { Bytes } from '../graph-builder/arrays.ts';
import { imageGrid } from './image-grid.ts';
import { maxPixels } from './picture.ts';
import type { ImageShape, Picture } from './picture.ts';
import { loadSharp } from './sharp.ts';

/** A picture as a PNG. */
export async function encodePng({ pixels, channels, height, width }: Picture): Promise<Bytes> {
  const sharp = await loadSharp();
  const raw = { width, height, channels: channels as 1 | 3 };
  const image = sharp(pixels, { raw, limitInputPixels: maxPixels });
  // A single channel would be written as three.
  return (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer();
}

/** One image [C, H, W] in [-1, 1] as a PNG. */
export async function encodeImage(image: Float32Array, shape: ImageShape): Promise<Bytes> {
  return encodePng(imageGrid(image, { ...shape, count: 1 }));
}
