import type { Value } from '../graph.ts';
import { abs, cast, div, exp, max, mul, neg, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, reshape, ShapeOf } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { reduceSum } from '../ops/reduction.ts';
import { fixed, quotient } from '../shape.ts';
import type { Technique } from './technique.ts';

export interface MinibatchDiscriminationOptions {
  /** Kernels, each a further feature of D; 0 is off. */
  readonly kernels: number;
  /** Extent of the space in which each kernel compares samples. */
  readonly dimensions: number;
  /** Samples that are compared with each other; a larger batch falls into groups of at least so many. */
  readonly group: number;
}

export const minibatchDiscriminationOff: MinibatchDiscriminationOptions = {
  kernels: 0,
  dimensions: 5,
  group: 64,
};

/**
 * 8. Minibatch discrimination (Salimans et al. 2016, section 3.2): D sees how close each sample is to the others of its
 * batch, so that a collapsed G is found out. M = f(x) T, [N, kernels, dimensions]; feature b of sample i is
 * sum over j of exp(-|M[i, b] - M[j, b]|_1), beside itself. The cost grows with the square of what is compared, so a
 * large batch falls into groups, as in StyleGAN (Karras et al. 2019), whose standard deviation over the batch is one
 * over groups.
 *
 * The exported D is asked about batches of any size N: its sums are over all of them, times (n - 1) / (N - 1) where n
 * samples were compared in training, so that what D says does not grow with N. It is right about batches that are all
 * real or all fake, as it learned from. One sample alone has nothing to be compared with: its features are 0, as those of
 * a sample that is like no other.
 */
export const minibatchDiscrimination: Technique = {
  number: 8,
  name: 'minibatch-discrimination',
  off: { 'techniques.minibatchDiscrimination.kernels': 0 },
  hooks: ({ batch, techniques: { minibatchDiscrimination: options } }) => {
    const { kernels, dimensions, group } = options;
    if (kernels === 0) return undefined;
    return {
      features: (pass, x) =>
        pass.scope('minibatch', () => {
          const n = x.shape[0]!;
          // All of a batch whose size is not known, as in the exported discriminator.
          const among = typeof n === 'number' ? compared(n, group) : n;
          const groups = quotient(n, among)!;
          const tensor = pass.parameter('weight', [fixed(x.shape[1]), kernels * dimensions], {
            kind: 'normal',
            mean: 0,
            std: 0.05,
          });
          const m = matmul(x, tensor);
          const apart = abs(
            sub(
              reshape(m, [groups, among, 1, kernels, dimensions]),
              reshape(m, [groups, 1, among, kernels, dimensions]),
            ),
          );
          const near = reduceSum(exp(neg(reduceSum(apart, [4]))), [2]);
          // A sample's closeness to itself is 1.
          const closeness = sub(reshape(near, [n, kernels]), 1);
          const others = compared(batch, group) - 1;
          return concat([x, typeof n === 'number' ? closeness : asAmong(others, closeness)], 1);
        }),
    };
  },
};

/** Sums over the others of a batch of any size, [N, any], as they would be over so many others. */
function asAmong(others: number, sums: Value): Value {
  const n = cast(emitOne(ShapeOf, [sums], { start: 0, end: 1 }), 'float32');
  return mul(sums, div(others, max(sub(n, 1), 1)));
}

/** The smallest part of a batch that is at least `least`, so that no sample is left to itself. */
function compared(batch: number, least: number): number {
  let size = Math.min(least, batch);
  while (batch % size !== 0) size++;
  return size;
}
