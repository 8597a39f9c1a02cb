import type { Case } from './case.ts';
import { binary, numbers, unary } from './elementwise.ts';
import { biased, convolution } from './convolution.ts';
import { pooling } from './pooling.ts';
import { factors, reductions, running } from './reduction.ts';
import { movement } from './movement.ts';
import { indexing } from './indexing.ts';
import { products } from './products.ts';
import { normalization } from './normalization.ts';

export const cases: readonly Case[] = [
  ...unary,
  ...binary,
  ...numbers,
  ...convolution,
  ...biased,
  ...pooling,
  ...reductions,
  ...factors,
  ...running,
  ...movement,
  ...indexing,
  ...products,
  ...normalization,
];
