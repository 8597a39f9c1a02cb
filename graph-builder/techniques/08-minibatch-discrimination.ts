import { abs, exp, neg, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, reshape } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduction.ts';
import { fixed, quotient } from '../shape.ts';
import type { Dim } from '../types.ts';
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
 */
export const minibatchDiscrimination: Technique = {
  number: 8,
  name: 'minibatch-discrimination',
  off: { 'techniques.minibatchDiscrimination.kernels': 0 },
  hooks: ({ techniques: { minibatchDiscrimination: options } }) => {
    const { kernels, dimensions, group } = options;
    if (kernels === 0) return undefined;
    return {
      features: (pass, x) =>
        pass.scope('minibatch', () => {
          const n = x.shape[0]!;
          const among = compared(n, group);
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
          const closeness = reshape(near, [n, kernels]);
          // A sample's closeness to itself is 1.
          return concat([x, sub(closeness, 1)], 1);
        }),
    };
  },
};

/**
 * The smallest part of a batch that is at least `least`, so that no sample is left to itself. All of a batch whose size
 * is not known, as in the exported discriminator.
 */
function compared(batch: Dim, least: number): Dim {
  if (typeof batch !== 'number') return batch;
  let size = Math.min(least, batch);
  while (batch % size !== 0) size++;
  return size;
}
