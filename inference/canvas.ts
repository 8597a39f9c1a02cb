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

/** Of a canvas in pixels, the least that browsers allow today; past their limit some draw nothing and say nothing. */
const maxSide = 32_767;

/** @throws InputError where the canvas is in use for something else than 2-D drawing, or the picture is too large for it. */
export function drawPicture(canvas: Canvas, picture: Picture): void {
  // As null, where a page asked for one that it does not have.
  if (typeof (canvas as Partial<Canvas> | null)?.getContext !== 'function')
    throw new InputError(`canvas ${told(canvas)} must be an HTMLCanvasElement or an OffscreenCanvas`);
  const { width, height } = picture;
  if (Math.max(width, height) > maxSide)
    throw new InputError(
      `a picture of ${width} x ${height} pixels must have at most ${maxSide} a side for a canvas`,
    );
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D | null;
  if (!context) throw new InputError('canvas: gives no 2-D context; take one that has no other');
  context.putImageData(imageDataOf(picture), 0, 0);
}

export async function toPngBlob(picture: Picture): Promise<Blob> {
  const canvas = new OffscreenCanvas(1, 1);
  drawPicture(canvas, picture);
  return canvas.convertToBlob({ type: 'image/png' });
}
