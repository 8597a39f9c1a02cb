import type { Technique } from './technique.ts';

/**
 * 4. Separate batches: D sees all real or all fake, so that what it takes from a whole batch, such as the statistics of
 * batch norm, is never of both. Where D looks at every sample by itself, it changes nothing.
 *
 * Off: `mixed`, one batch of both, for comparison.
 */
export const separateBatches: Technique = {
  number: 4,
  name: 'separate-batches',
  off: { 'techniques.batches': 'mixed' },
  variants: ({ techniques: { batches } }) => [`${batches}-batches`],
  hooks: ({ techniques: { batches } }) => (batches === 'mixed' ? { mixed: true } : {}),
};
