import { refuse } from '../../graph-builder/errors.ts';
import type { Graph } from '../../graph-builder/graph.ts';
import { Value } from '../../graph-builder/graph.ts';
import { formatShape } from '../../graph-builder/shape.ts';
import type { Dim, DType } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';

/**
 * A small tensor whose elements are known while the graph is read: a constant, or a size that was computed from
 * shapes. An element may be a symbol, the extent of a batch that is not known yet.
 */
export interface Known {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major; `bool` as 0 and 1. */
  readonly elements: readonly Dim[];
}

/** A list of tensors, which exporters write between a split and the parts of it that are used. */
export interface Sequence {
  readonly parts: readonly Value[];
}

/** What a name stands for while a foreign graph is read. */
export type Operand = Value | Known | Sequence;

/** Up to this many elements a constant is known by its elements; beyond, only as a value of the graph. */
export const small = 4096;

const isKnown = (operand: Operand): operand is Known => 'elements' in operand;
export const isSequence = (operand: Operand): operand is Sequence => 'parts' in operand;

/** The operand with its elements, where they are known. */
export function knownOf(operand: Operand): Known | undefined {
  if (isKnown(operand)) return operand;
  if (isSequence(operand)) return undefined;
  const { constant } = operand;
  if (!constant || constant.data.length > small || constant.dtype === 'float16') return undefined;
  return {
    dtype: constant.dtype,
    shape: constant.shape,
    elements: Array.from(constant.data as ArrayLike<number>, Number),
  };
}

/** The operand as a value of `graph`. */
export function valueOf(operand: Operand, graph: Graph): Value {
  if (isSequence(operand)) return refuse('a list of tensors is no tensor');
  if (!isKnown(operand)) return operand;
  const { dtype, shape, elements } = operand;
  const numbers = elements.filter((element) => typeof element === 'number');
  if (numbers.length < elements.length)
    refuse(`${formatShape(elements)} holds the extent of the batch, which can be a shape here but no number`);
  return shape.length === 0
    ? graph.scalar(numbers[0]!, dtype)
    : graph.constant(tensor(dtype, numbers, shape));
}

export const ints = (elements: readonly Dim[]): Known => ({
  dtype: 'int64',
  shape: [elements.length],
  elements,
});
