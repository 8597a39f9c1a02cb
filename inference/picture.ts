import { imageGrid } from '../artifacts/image-grid.ts';
import type { Picture } from '../artifacts/picture.ts';
import { plotPoints } from '../artifacts/plot-points.ts';
import type { PictureOptions, Samples } from './generator.ts';

// Runs in browsers too: no Node.

/** Images as a grid, points as a plot. */
export function pictureOf(
  { data, shape }: Pick<Samples, 'data' | 'shape'>,
  options: PictureOptions = {},
): Picture {
  if (shape.length === 2) return plotPoints(data);
  const [count, channels, height, width] = shape as [number, number, number, number];
  return imageGrid(data, { count, channels, height, width }, options);
}
