import { InputError } from '../artifacts/errors.ts';
import type { Picture } from '../artifacts/picture.ts';
import { told } from './arguments.ts';

type Canvas = HTMLCanvasElement | OffscreenCanvas;

/** Grey or RGB bytes as the RGBA that canvases have. */
export function imageDataOf({ pixels, channels, height, width }: Picture): ImageData {
  const data = new Uint8ClampedArray(4 * height * width).fill(255);
  for (let i = 0; i < height * width; i++)
    for (let c = 0; c < 3; c++) data[4 * i + c] = pixels[channels * i + (channels === 1 ? 0 : c)]!;
  return new ImageData(data, width, height);
}

/** @throws InputError where the canvas is in use for something else than 2-D drawing. */
export function drawPicture(canvas: Canvas, picture: Picture): void {
  // As null, where a page asked for one that it does not have.
  if (typeof (canvas as Partial<Canvas> | null)?.getContext !== 'function')
    throw new InputError(`canvas ${told(canvas)} must be an HTMLCanvasElement or an OffscreenCanvas`);
  canvas.width = picture.width;
  canvas.height = picture.height;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | null;
  if (!context) throw new InputError('canvas: gives no 2-D context; take one that has no other');
  context.putImageData(imageDataOf(picture), 0, 0);
}

export function toPngBlob(picture: Picture): Promise<Blob> {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  drawPicture(canvas, picture);
  return canvas.convertToBlob({ type: 'image/png' });
}
