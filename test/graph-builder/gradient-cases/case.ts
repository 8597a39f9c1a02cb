import type { Value } from '../../../graph-builder/graph.ts';
import type { OpType } from '../../../graph-builder/ops/registry.ts';
import { tensor } from '../../../graph-builder/types.ts';
import type { DType } from '../../../graph-builder/types.ts';
import { hash } from '../model.ts';

export interface CaseInput {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export interface Case {
  /** The operator whose gradient is in question. */
  readonly op: OpType;
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly build: (...inputs: Value[]) => Value | readonly Value[];
  /** `linear`: linear in each input while the others rest. `kinked`: the same between kinks. */
  readonly kind?: 'linear' | 'kinked' | 'smooth';
}

export const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

let salt = 0;

/** Multiples of 1/32 in [low, high). */
export function between(low: number, high: number, shape: readonly number[]): CaseInput {
  salt++;
  const seed = salt;
  const values = Float64Array.from(
    { length: sizeOf(shape) },
    (_, i) => low + (hash(seed, i) % Math.round((high - low) * 32)) / 32,
  );
  return { shape, values };
}

export const any = (...shape: number[]) => between(-2, 2, shape);

export const positive = (...shape: number[]) => between(0.5, 2, shape);

/** Distinct values, 1/4 apart, shuffled, none of them a multiple of 1/4 unless `offset` makes them so. */
export function distinct(shape: readonly number[], offset = 1 / 8): CaseInput {
  salt++;
  const seed = salt;
  const length = sizeOf(shape);
  const order = Array.from({ length }, (_, i) => i).sort((a, b) => hash(seed, a) - hash(seed, b));
  return {
    shape,
    values: Float64Array.from(order, (rank) => (rank - length / 2 + (length % 2) / 2) / 4 + offset),
  };
}

export const apart = (...shape: number[]) => distinct(shape);

export const constant = (like: Value, dtype: DType, values: readonly number[], shape = [values.length]) =>
  like.graph.constant(tensor(dtype, values, shape));

export const linear = { kind: 'linear' } as const;

export const kinked = { kind: 'kinked' } as const;
