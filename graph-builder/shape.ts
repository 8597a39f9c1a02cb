import { refuse } from './errors.ts';
import type { Dim, Shape, TensorType } from './types.ts';
import { checkDType } from './types.ts';

/** `[N, 3, 32, 32]` */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function formatType(type: TensorType): string {
  return `${type.dtype}${formatShape(type.shape)}`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a === b || (a.length === b.length && a.every((dim, i) => dim === b[i]));
}

const isExtent = (dim: Dim): boolean =>
  typeof dim === 'string' ? dim !== '' : Number.isSafeInteger(dim) && dim >= 0;

/** Refuses what is no type of a value, whatever it was inferred from. */
export function checkType({ dtype, shape }: TensorType): void {
  checkDType(dtype);
  if (!shape.every(isExtent)) refuse(`extents of ${formatShape(shape)} must be integers >= 0 or symbols`);
}

/** Number of elements; refuses a symbolic shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce<number>((size, dim) => size * fixed(dim), 1);
}

const factorsOf = (dim: Dim): Dim[] =>
  typeof dim === 'number'
    ? [dim]
    : dim.split('*').map((factor) => (/^\d/.test(factor) ? Number(factor) : factor));

/** Numbers of the factors multiplied, and their symbols in order. */
function collected(dims: Shape): { count: number; symbols: string[] } {
  const factors = dims.flatMap(factorsOf);
  return {
    count: factors.reduce<number>((n, factor) => (typeof factor === 'number' ? n * factor : n), 1),
    symbols: factors.filter((factor) => typeof factor === 'string').sort(),
  };
}

/** Extents multiplied: a number, or where symbols are among them a multiple such as `8*N`, in one spelling. */
export function product(dims: Shape): Dim {
  // Nearly all shapes, and no strings to take apart.
  if (dims.every((dim) => typeof dim === 'number')) return dims.reduce((n, dim) => n * dim, 1);
  const { count, symbols } = collected(dims);
  if (symbols.length === 0 || count === 0) return count;
  return [...(count === 1 ? [] : [count]), ...symbols].join('*');
}

/** What `b` must be multiplied with to give `a`; undefined where no extent does, whatever the symbols stand for. */
export function quotient(a: Dim, b: Dim): Dim | undefined {
  const [over, under] = [collected([a]), collected([b])];
  const left = [...over.symbols];
  for (const symbol of under.symbols) {
    const at = left.indexOf(symbol);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  const count = over.count / under.count;
  return Number.isInteger(count) ? product([count, ...left]) : undefined;
}

/** The extent as a number; refuses a symbol. */
export function fixed(dim: Dim | undefined): number {
  if (typeof dim !== 'number') refuse(`extent ${dim} must be a fixed number here`);
  return dim;
}

/** An axis in [-rank, rank) as one in [0, rank). */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    refuse(`axis ${axis} must be in [${-rank}, ${rank - 1}]`);
  return axis < 0 ? axis + rank : axis;
}

/** Sorted, unique, non-negative axes. */
export function normalizeAxes(axes: readonly number[], rank: number): number[] {
  const normalized = axes.map((axis) => normalizeAxis(axis, rank)).sort((a, b) => a - b);
  if (new Set(normalized).size !== normalized.length) refuse(`axes ${formatShape(axes)} must not repeat`);
  return normalized;
}

/** NumPy broadcasting of any number of shapes. A symbol broadcasts with itself and with 1. */
export function broadcastShapes(...shapes: readonly Shape[]): Dim[] {
  const rank = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
  const result = new Array<Dim>(rank).fill(1);
  for (const shape of shapes) {
    const lead = rank - shape.length;
    for (const [i, dim] of shape.entries()) {
      const known = result[lead + i]!;
      if (dim === 1 || dim === known) continue;
      if (known !== 1)
        refuse(`shapes ${shapes.map(formatShape).join(' and ')} do not broadcast: ${known} against ${dim}`);
      result[lead + i] = dim;
    }
  }
  return result;
}

/** Axes of `from` to sum over, and whether a reshape is still due, so that a gradient of shape `from` fits `to`. */
export function broadcastAxes(from: Shape, to: Shape): number[] {
  const extra = from.length - to.length;
  return from.flatMap((dim, axis) => (axis < extra || (to[axis - extra] === 1 && dim !== 1) ? [axis] : []));
}
