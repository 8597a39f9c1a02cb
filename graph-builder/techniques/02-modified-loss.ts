import { adversarialLosses } from '../losses/adversarial.ts';
import type { Technique } from './technique.ts';

/**
 * 2. A modified loss (Goodfellow et al. 2014): G maximises log D(G(z)) instead of minimising log(1 - D(G(z))), whose
 * gradient vanishes while D wins. Relativistic pairs, hinge, least squares and Wasserstein's distance are
 * other games.
 * 7. The hybrid KL + GAN and the divergences of f-GAN are further ones.
 *
 * Off: `saturating`, the minimax form.
 */
export const modifiedLoss: Technique = {
  number: 2,
  name: 'modified-loss',
  off: { loss: 'saturating' },
  variants: ({ loss }) => [loss],
  hooks: ({ loss }) => ({ loss: adversarialLosses[loss] }),
};
