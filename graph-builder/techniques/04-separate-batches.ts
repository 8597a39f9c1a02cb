import type { Value } from '../graph.ts';
import { batchNorm, instanceNorm } from '../layers/normalization.ts';
import type { Pass } from '../layers/pass.ts';
import type { Technique } from './technique.ts';

/** Normalisation of a hidden layer: over the batch (Ioffe & Szegedy 2015), or each sample by itself where the batch will not do. */
export function normalization(kind: 'batch' | 'instance' | 'none', pass: Pass, x: Value): Value {
  if (kind === 'batch') return batchNorm(pass, 'norm', x);
  return kind === 'instance' ? instanceNorm(pass, 'norm', x) : x;
}

/**
 * 4. Batch norm on separate batches: D sees all real or all fake, so that the statistics of the two never mix.
 *
 * Off: `mixed`, one batch of both, for comparison; and no normalisation.
 */
export const separateBatches: Technique = {
  number: 4,
  name: 'separate-batches',
  off: { 'techniques.batches': 'mixed', 'network.normalization': 'none' },
  variants: ({ techniques: { batches }, network }) => [
    `${batches}-batches`,
    ...(network.kind === 'imported' || network.normalization === 'none'
      ? []
      : [`${network.normalization}-norm`]),
  ],
  hooks: ({ techniques: { batches } }) => (batches === 'mixed' ? { mixed: true } : {}),
};
