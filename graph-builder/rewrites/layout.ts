import type { Node, Value } from '../graph.ts';
import type { TransposeAttributes } from '../ops/movement.ts';
import { Transpose, transpose } from '../ops/movement.ts';

/** A layout of a tensor: axis i of what is stored is axis layout[i] of the tensor. */
export type Layout = readonly number[];

/** Activations [N, C, H, W] stored as [N, H, W, C]. */
export const channelsLastLayout: Layout = [0, 2, 3, 1];
/** Convolution weights [O, C, h, w] stored as [h, w, C, O], the matrix of im2col. */
export const matrixLayout: Layout = [2, 3, 1, 0];

export function inverse(layout: Layout): Layout {
  return layout.map((_, axis) => layout.indexOf(axis));
}

export const sameLayout = (a: Layout, b: Layout): boolean => a.every((axis, i) => axis === b[i]);

/** The layout that a Transpose stores its input in; undefined for any other node. */
export function layoutOf(node: Node): Layout | undefined {
  if (node.op.type !== Transpose.type) return undefined;
  return (node.attributes as unknown as TransposeAttributes).perm;
}

/**
 * Remembers how values are stored. A value and its other layout are joined by a Transpose, emitted at once and
 * removed later where nobody reads it.
 */
export class Layouts {
  readonly #stored = new Map<Value, { layout: Layout; value: Value }>();

  /** The layout a value is already to be had in, besides the plain one. */
  of(value: Value): Layout | undefined {
    return this.#stored.get(value)?.layout;
  }

  /** `value` in `layout`. */
  to(value: Value, layout: Layout): Value {
    const known = this.#stored.get(value);
    if (known && sameLayout(known.layout, layout)) return known.value;
    const stored = transpose(value, layout);
    if (!known) this.#stored.set(value, { layout, value: stored });
    return stored;
  }

  /** The plain value of something computed in `layout`. */
  from(stored: Value, layout: Layout): Value {
    const plain = transpose(stored, inverse(layout));
    this.#stored.set(plain, { layout, value: stored });
    return plain;
  }
}
