import { adam } from '../optimizers/adam.ts';
import { sgd } from '../optimizers/sgd.ts';
import type { Technique } from './technique.ts';

/**
 * 9. Adam for both networks (Radford et al. 2016: beta1 0.5), or stochastic gradient descent for D and Adam for G. An
 * encoder is trained as G is.
 *
 * Off: gradient descent for both.
 */
export const adamOptimizer: Technique = {
  number: 9,
  name: 'adam',
  off: {
    'optimizer.generator': { kind: 'sgd', learningRate: 0.01, momentum: 0 },
    'optimizer.discriminator': { kind: 'sgd', learningRate: 0.01, momentum: 0 },
  },
  variants: ({ optimizer: { generator, discriminator } }) => [
    `${generator.kind}-generator`,
    `${discriminator.kind}-discriminator`,
  ],
  hooks: ({ optimizer }) => ({
    optimizer: (player) => {
      const recipe = optimizer[player === 'discriminator' ? 'discriminator' : 'generator'];
      return recipe.kind === 'adam' ? adam(recipe) : sgd(recipe);
    },
  }),
};
