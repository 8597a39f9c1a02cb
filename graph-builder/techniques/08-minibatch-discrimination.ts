import { abs, exp, neg, sub } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { concat, reshape } from '../ops/movement.ts';
import { reduceSum } from '../ops/reduction.ts';
import { fixed } from '../shape.ts';
import type { Technique } from './technique.ts';

export interface MinibatchDiscriminationOptions {
  /** Kernels, each a further feature of D; 0 is off. */
  readonly kernels: number;
  /** Extent of the space in which each kernel compares samples. */
  readonly dimensions: number;
}

export const minibatchDiscriminationOff: MinibatchDiscriminationOptions = { kernels: 0, dimensions: 5 };

/**
 * 8. Minibatch discrimination (Salimans et al. 2016, section 3.2): D sees how close each sample is to the others of its
 * batch, so that a collapsed G is found out. M = f(x) T, [N, kernels, dimensions]; feature b of sample i is
 * sum over j of exp(-|M[i, b] - M[j, b]|_1), beside itself.
 */
export const minibatchDiscrimination: Technique = {
  number: 8,
  name: 'minibatch-discrimination',
  off: { 'techniques.minibatchDiscrimination.kernels': 0 },
  hooks: ({ techniques: { minibatchDiscrimination: options } }) => {
    const { kernels, dimensions } = options;
    if (kernels === 0) return undefined;
    return {
      features: (pass, x) =>
        pass.scope('minibatch', () => {
          const n = x.shape[0]!;
          const tensor = pass.parameter('weight', [fixed(x.shape[1]), kernels * dimensions], {
            kind: 'normal',
            mean: 0,
            std: 0.05,
          });
          const m = matmul(x, tensor);
          const apart = abs(
            sub(reshape(m, [n, 1, kernels, dimensions]), reshape(m, [1, n, kernels, dimensions])),
          );
          const closeness = reduceSum(exp(neg(reduceSum(apart, [3]))), [1]);
          // A sample's closeness to itself is 1.
          return concat([x, sub(closeness, 1)], 1);
        }),
    };
  },
};
