import type { Value } from '../graph.ts';
import { batchNorm, instanceNorm } from '../layers/normalization.ts';
import type { Pass } from '../layers/pass.ts';
import type { Recipe } from '../recipe.ts';
import type { Technique } from './technique.ts';

type Normalization = 'batch' | 'instance' | 'none';

export function normalization(kind: Normalization, pass: Pass, x: Value): Value {
  if (kind === 'batch') return batchNorm(pass, 'norm', x);
  return kind === 'instance' ? instanceNorm(pass, 'norm', x) : x;
}

/**
 * 4. Normalisation of hidden layers: over the batch (Ioffe & Szegedy 2015), or each sample by itself where the batch will
 * not do. It works inside the networks.
 *
 * Off: `none`.
 */
export const normalizedLayers: Technique = {
  number: 4,
  name: 'normalization',
  off: { 'network.normalization': 'none' },
  variants: (recipe) => [`${kindOf(recipe)}-norm`],
  hooks: (recipe) => (kindOf(recipe) === 'none' ? undefined : {}),
};

/** Of the layers of a network from elsewhere nothing is known. */
const kindOf = ({ network }: Recipe): Normalization =>
  network.kind === 'imported' ? 'none' : network.normalization;
