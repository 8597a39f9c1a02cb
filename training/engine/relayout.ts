import { inverse } from '../../graph-builder/rewrites/layout.ts';
import type { Layout } from '../../graph-builder/rewrites/layout.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { Tensor } from '../../graph-builder/types.ts';

/** `tensor` stored in `layout`: axis i of the result is axis layout[i] of the tensor. */
export function toLayout({ dtype, shape, data }: Tensor, layout: Layout): Tensor {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const stored = layout.map((axis) => shape[axis]!);
  const steps = layout.map((axis) => strides[axis]!);
  const result = data.slice() as Float32Array;
  const last = layout.length - 1;
  let to = 0;
  const copy = (axis: number, from: number): void => {
    const [length, step] = [stored[axis]!, steps[axis]!];
    if (axis < last) for (let i = 0; i < length; i++) copy(axis + 1, from + i * step);
    else for (let i = 0; i < length; i++) result[to++] = data[from + i * step] as number;
  };
  copy(0, 0);
  return { dtype, shape: stored, data: result };
}

/** The plain tensor that is stored in `layout`. */
export const fromLayout = (stored: Tensor, layout: Layout): Tensor => toLayout(stored, inverse(layout));
