import { mul, sub } from '../ops/elementwise.ts';
import type { Technique } from './technique.ts';

/** `normal`: N(0, 1); `uniform`: U(-1, 1), for comparison. */
export type LatentDistribution = 'normal' | 'uniform';

/**
 * 3. Latents from a Gaussian, not a cube (White 2016); `inference/latent.ts` walks between them on great circles.
 *
 * Off: `uniform`.
 */
export const sphericalLatent: Technique = {
  number: 3,
  name: 'spherical-z',
  off: { 'techniques.latent': 'uniform' },
  variants: ({ techniques: { latent } }) => [latent === 'normal' ? 'spherical-z' : 'uniform-z'],
  hooks: ({ techniques: { latent } }) => ({
    latent:
      latent === 'normal'
        ? (stream, shape, { random }) => random.normal(stream, shape)
        : (stream, shape, { random }) => sub(mul(random.uniform(stream, shape), 2), 1),
  }),
};
