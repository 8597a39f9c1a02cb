import { imageGrid } from '../artifacts/image-grid.ts';
import { InputError } from '../artifacts/errors.ts';
import type { Picture } from '../artifacts/picture.ts';
import { plotPoints } from '../artifacts/plot-points.ts';
import { checkOptions } from './arguments.ts';
import type { Drawable, PictureOptions } from './generator.ts';
import { sizeOf } from './count.ts';

// Runs in browsers too: no Node.

/** Images as a grid, points as a plot. */
export function pictureOf(samples: Drawable, options: PictureOptions = {}): Picture {
  checkOptions('options', options, { columns: true });
  checkSamples(samples);
  const { data, shape } = samples;
  if (shape.length === 2) return plotPoints(data);
  const [count, channels, height, width] = shape as [number, number, number, number];
  return imageGrid(data, { count, channels, height, width }, options);
}

function checkSamples(samples: unknown): void {
  const { data, shape } = Object(samples) as Readonly<Record<string, unknown>>;
  if (!(data instanceof Float32Array) || !Array.isArray(shape))
    throw new InputError('samples must be what sample() gives: data, a Float32Array, and shape, a list');
  const [, channels] = shape as number[];
  const fits =
    shape.every((extent) => Number.isInteger(extent) && extent > 0) &&
    data.length === sizeOf(shape as number[]) &&
    (shape.length === 4 ? channels === 1 || channels === 3 : shape.length === 2 && channels === 2);
  if (!fits)
    throw new InputError(
      `samples: ${data.length} elements of shape [${shape.join(', ')}] must be images [n, 1 or 3, H, W] or points [n, 2]`,
    );
}
