import { refuse } from '../../graph-builder/errors.ts';
import { fixed, formatShape, normalizeAxis, sizeOf } from '../../graph-builder/shape.ts';
import type { Dim } from '../../graph-builder/types.ts';
import type { Attributes } from './fold.ts';
import type { Known } from './operand.ts';

// Known tensors whose elements change places; see `fold.ts`.

export function squeezed(
  op: string,
  shape: readonly number[],
  axes: readonly number[] | undefined,
): number[] {
  if (op === 'Squeeze') {
    const gone = new Set(axes?.map((axis) => normalizeAxis(axis, shape.length)));
    return shape.filter((dim, i) => (axes ? !gone.has(i) : dim !== 1));
  }
  const rank = shape.length + (axes ?? []).length;
  const added = new Set(axes?.map((axis) => normalizeAxis(axis, rank)));
  const old = [...shape];
  return Array.from({ length: rank }, (_, i) => (added.has(i) ? 1 : old.shift()!));
}

export function concatenated(operands: readonly Known[]): Known {
  const elements = operands.flatMap((known) => known.elements);
  return { dtype: operands[0]!.dtype, shape: [elements.length], elements };
}

export function gathered(a: Known, indices: Known, axis: number): Known | undefined {
  if (a.shape.length !== 1 || axis > 0) return undefined;
  const elements = indices.elements.map((index) => {
    const at = fixed(index) < 0 ? fixed(index) + a.elements.length : fixed(index);
    return a.elements[at] ?? refuse(`index ${index} must be in ${formatShape(a.elements)}`);
  });
  return { dtype: a.dtype, shape: indices.shape, elements };
}

export function reshaped(a: Known, asked: readonly number[]): Known {
  const shape = asked.map((dim, i) => (dim === 0 ? a.shape[i]! : dim));
  const rest = a.elements.length / sizeOf(shape.filter((dim) => dim !== -1));
  const result = shape.map((dim) => (dim === -1 ? rest : dim));
  if (sizeOf(result) !== a.elements.length)
    refuse(`shape ${formatShape(a.shape)} cannot be viewed as ${formatShape(asked)}: element counts differ`);
  return { ...a, shape: result };
}

export const filled = (shape: readonly number[]): Known => ({
  dtype: 'int64',
  shape,
  elements: Array.from({ length: sizeOf(shape) }, () => 1),
});

/** A tensor of another shape whose element at a place is that of `a` at `from(place)`. */
function rearranged(a: Known, shape: readonly number[], from: (place: readonly number[]) => number[]): Known {
  const elements = Array.from({ length: sizeOf(shape) }, (_, i): Dim => {
    const place = shape.map((dim, axis) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % dim);
    const index = from(place).reduce((n, at, axis) => n * a.shape[axis]! + at, 0);
    return a.elements[index]!;
  });
  return { dtype: a.dtype, shape, elements };
}

export function transposed(a: Known, perm: readonly number[] | undefined): Known {
  const order = perm ?? a.shape.map((_, i) => a.shape.length - 1 - i);
  return rearranged(
    a,
    order.map((axis) => a.shape[axis]!),
    (place) => a.shape.map((_, axis) => place[order.indexOf(axis)]!),
  );
}

export function sliced(a: Known, list: Attributes['list']): Known {
  const shape = [...a.shape];
  const ranges = a.shape.map(() => ({ start: 0, step: 1 }));
  const [ends, axes, steps] = [list('ends', 2), list('axes', 3), list('steps', 4)];
  list('starts', 1)?.forEach((first, i) => {
    const axis = normalizeAxis(axes?.[i] ?? i, shape.length);
    const extent = a.shape[axis]!;
    const step = steps?.[i] ?? 1;
    const clamp = (bound: number, low: number) =>
      Math.min(Math.max(bound < 0 ? bound + extent : bound, low), step > 0 ? extent : extent - 1);
    const start = clamp(first, 0);
    const end = clamp(ends![i]!, step > 0 ? 0 : -1);
    ranges[axis] = { start, step };
    shape[axis] = Math.max(0, Math.ceil((end - start) / step));
  });
  return rearranged(a, shape, (place) =>
    place.map((at, axis) => ranges[axis]!.start + at * ranges[axis]!.step),
  );
}
