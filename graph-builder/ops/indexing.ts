import { inNameOf, refuse } from '../errors.ts';
import type { Value } from '../graph.ts';
import { fixed, formatShape, normalizeAxis, sameShape } from '../shape.ts';
import type { Dim } from '../types.ts';
import { tensor } from '../types.ts';
import { cast } from './elementwise.ts';
import { emitOne, expectDType, expectRank } from './op.ts';
import type { NoAttributes, OpDef } from './op.ts';
import type { AxisAttributes } from './movement.ts';
import { pad, paddedShape, reshape, transpose, zerosLike } from './movement.ts';

// Reading and writing by index. Indices are int32 or int64; ScatterND and GatherND take int64 only.
// Scattering with 'add' is what the gradient of reading twice from one place needs.

export const Gather: OpDef<AxisAttributes> = {
  type: 'Gather',
  infer: ([x, indices], { axis }) => {
    expectDType('indices', indices!, ['int32', 'int64']);
    const along = normalizeAxis(axis, x!.rank);
    const shape = [...x!.shape.slice(0, along), ...indices!.shape, ...x!.shape.slice(along + 1)];
    return [{ dtype: x!.dtype, shape }];
  },
  gradient: ({ inputs: [x, indices], attributes: { axis }, dy }) => [
    () => {
      // Rows of dy, gathered axes first, are added into the rows of a zero table, gathered axis first.
      const along = normalizeAxis(axis, x!.rank);
      const k = indices!.rank;
      const order = dy.shape.map((_, i) => i);
      const gathered = order.slice(along, along + k);
      const others = [...order.slice(0, along), ...order.slice(along + k)];
      const rows = transposeUnlessSame(dy, [...gathered, ...others]);
      const front = [along, ...x!.shape.map((_, i) => i).filter((i) => i !== along)];
      const table = zerosLike(
        dy,
        front.map((i) => x!.shape[i]!),
      );
      const sum = scatterND(table, reshape(indices!, [...indices!.shape, 1]), rows, 'add');
      return transposeUnlessSame(
        sum,
        x!.shape.map((_, i) => front.indexOf(i)),
      );
    },
    undefined,
  ],
};

function transposeUnlessSame(x: Value, perm: readonly number[]): Value {
  return perm.every((axis, i) => axis === i) ? x : transpose(x, perm);
}

/** Indices of elements along an axis: of the rank of x, and elsewhere within its extents. */
function checkElementIndices(x: Value, indices: Value, axis: number): void {
  expectDType('indices', indices, ['int32', 'int64']);
  expectRank('indices', indices, x.rank);
  const along = normalizeAxis(axis, x.rank);
  // Whether a symbol fits is known when the model runs.
  const exceeds = (dim: Dim, most: Dim) => typeof dim === 'number' && typeof most === 'number' && dim > most;
  if (indices.shape.some((dim, i) => i !== along && exceeds(dim, x.shape[i]!)))
    refuse(
      `indices ${formatShape(indices.shape)} must not exceed ${formatShape(x.shape)} beside axis ${along}`,
    );
}

/** y[i][j] = x[indices[i][j]][j] for axis 0, and so on: indices have the rank of x and the shape of y. */
export const GatherElements: OpDef<AxisAttributes> = {
  type: 'GatherElements',
  infer: ([x, indices], { axis }) => {
    checkElementIndices(x!, indices!, axis);
    return [{ dtype: x!.dtype, shape: indices!.shape }];
  },
  gradient: ({ inputs: [x, indices], attributes: { axis }, dy }) => [
    () => scatterElements(zerosLike(dy, x!.shape), indices!, dy, axis, 'add'),
    undefined,
  ],
};

export interface ScatterAttributes {
  /** 'none' overwrites, for indices without repeats; 'add' accumulates. */
  readonly reduction: 'none' | 'add';
}

export interface ScatterElementsAttributes extends ScatterAttributes, AxisAttributes {}

export const ScatterElements: OpDef<ScatterElementsAttributes> = {
  type: 'ScatterElements',
  infer: ([x, indices, updates], { axis }) => {
    checkElementIndices(x!, indices!, axis);
    expectDType('updates', updates!, [x!.dtype]);
    if (!sameShape(indices!.shape, updates!.shape))
      refuse(
        `updates ${formatShape(updates!.shape)} must have the shape of indices ${formatShape(indices!.shape)}`,
      );
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient: ({ inputs: [, indices], attributes: { axis, reduction }, dy }) => [
    () =>
      reduction === 'add' ? dy : scatterElements(dy, indices!, zerosLike(dy, indices!.shape), axis, 'none'),
    undefined,
    () => gatherElements(dy, indices!, axis),
  ],
};

/** Length of the index tuples, the last extent of `indices`. */
function tupleLength(x: Value, indices: Value): number {
  expectDType('indices', indices, ['int64']);
  const depth = fixed(indices.shape.at(-1));
  if (depth > x.rank) refuse(`index tuples of ${depth} must not be longer than rank ${x.rank}`);
  return depth;
}

/** y = x with y[indices[i]] replaced by, or increased by, updates[i]; the last axis of indices is an index tuple. */
export const ScatterND: OpDef<ScatterAttributes> = {
  type: 'ScatterND',
  infer: ([x, indices, updates]) => {
    const depth = tupleLength(x!, indices!);
    expectDType('updates', updates!, [x!.dtype]);
    const expected = [...indices!.shape.slice(0, -1), ...x!.shape.slice(depth)];
    if (!sameShape(updates!.shape, expected))
      refuse(`updates ${formatShape(updates!.shape)} must have shape ${formatShape(expected)}`);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient: ({ inputs: [, indices, updates], attributes: { reduction }, dy }) => [
    () => (reduction === 'add' ? dy : scatterND(dy, indices!, zerosLike(dy, updates!.shape), 'none')),
    undefined,
    () => gatherND(dy, indices!),
  ],
};

export const GatherND: OpDef<NoAttributes> = {
  type: 'GatherND',
  infer: ([x, indices]) => {
    const depth = tupleLength(x!, indices!);
    return [{ dtype: x!.dtype, shape: [...indices!.shape.slice(0, -1), ...x!.shape.slice(depth)] }];
  },
  gradient: ({ inputs: [x, indices], dy }) => [
    () => scatterND(zerosLike(dy, x!.shape), indices!, dy, 'add'),
    undefined,
  ],
};

export const gather = (x: Value, indices: Value, axis = 0): Value => emitOne(Gather, [x, indices], { axis });
export const gatherElements = (x: Value, indices: Value, axis: number): Value =>
  emitOne(GatherElements, [x, indices], { axis });
export const scatterElements = (
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: 'none' | 'add' = 'none',
): Value => emitOne(ScatterElements, [x, indices, updates], { axis, reduction });
export const scatterND = (
  x: Value,
  indices: Value,
  updates: Value,
  reduction: 'none' | 'add' = 'none',
): Value => emitOne(ScatterND, [x, cast(indices, 'int64'), updates], { reduction });
export const gatherND = (x: Value, indices: Value): Value =>
  emitOne(GatherND, [x, cast(indices, 'int64')], {});

/** Padding that repeats the border ('edge') or mirrors about it ('reflect'), one Gather per padded axis. */
export function padWith(
  x: Value,
  pads: readonly number[],
  mode: 'constant' | 'edge' | 'reflect',
  value = 0,
): Value {
  if (mode === 'constant') return pad(x, pads, value);
  return inNameOf('padWith', x.graph.scopePath, () => {
    const target = paddedShape(x.shape, pads);
    return x.shape.reduce<Value>((padded, dim, axis) => {
      const [before, after] = [pads[axis]!, pads[axis + x.rank]!];
      if (before === 0 && after === 0) return padded;
      const extent = fixed(dim);
      if (mode === 'reflect' && Math.max(before, after) >= extent)
        refuse(`reflect pads ${before} and ${after} must be smaller than extent ${extent} of axis ${axis}`);
      const source = (i: number) => {
        if (mode === 'edge') return Math.min(Math.max(i, 0), extent - 1);
        return i < 0 ? -i : i >= extent ? 2 * (extent - 1) - i : i;
      };
      const indices = Array.from({ length: fixed(target[axis]) }, (_, i) => source(i - before));
      return gather(padded, x.graph.constant(tensor('int32', indices)), axis);
    }, x);
  });
}
