import { sizeOf } from '../shape.ts';
import type { Shape } from '../types.ts';

/** Bytes that a few operators in a row write and read, and that stay in the processor's cache meanwhile. */
export const cachedBytes = 2 ** 20;

/** Whether a tensor of fixed shape takes at least so many bytes, at four an element; by default more than the cache. */
export const isLarge = (shape: Shape, bytes = 2 * cachedBytes): boolean =>
  shape.length > 1 && shape.every((extent) => typeof extent === 'number') && 4 * sizeOf(shape) >= bytes;
