import type { Lowering, Lowerings } from '../call.ts';
import { activations } from './activation.ts';
import { convolutions } from './convolution.ts';
import { einsums } from './einsum.ts';
import { elementwise } from './elementwise.ts';
import { indexings } from './indexing.ts';
import { products } from './matmul.ts';
import { movements } from './movement.ts';
import { normalizations } from './normalization.ts';
import { poolings } from './pooling.ts';
import { reductions } from './reduction.ts';
import { resizings } from './resize.ts';
import { sizes } from './sizes.ts';

const all: Lowerings = {
  ...activations,
  ...convolutions,
  ...einsums,
  ...elementwise,
  ...indexings,
  ...movements,
  ...normalizations,
  ...poolings,
  ...products,
  ...reductions,
  ...resizings,
  ...sizes,
};

/** Operators that ganx imports, in the forms of opset 9 to 21. */
export const importedOperators: readonly string[] = Object.keys(all).sort();

export const loweringOf = (op: string): Lowering | undefined =>
  Object.hasOwn(all, op) ? all[op] : undefined;
