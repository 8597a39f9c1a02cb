import { sizeOf } from '../shape.ts';
import type { Shape } from '../types.ts';

/** Bytes that a few operators in a row write and read, and that stay in the processor's cache meanwhile. */
export const cachedBytes = 2 ** 20;

/** Whether a tensor takes more than the cache, at four bytes an element. */
export const isLarge = (shape: Shape): boolean =>
  shape.length > 1 &&
  shape.every((extent) => typeof extent === 'number') &&
  4 * sizeOf(shape) >= 2 * cachedBytes;
