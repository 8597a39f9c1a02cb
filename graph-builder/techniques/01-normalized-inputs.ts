import { cast, div, sub } from '../ops/elementwise.ts';
import type { Technique } from './technique.ts';

/**
 * 1. Normalised inputs (Chintala et al. 2016): bytes 0..255 become [-1, 1], the range of the tanh that ends G
 * (`networks/`). Points are left in their own units, and their G ends without an activation.
 *
 * There is no off state: [-1, 1] is the contract of the exported generator.
 */
export const normalizedInputs: Technique = {
  number: 1,
  name: 'normalized-inputs',
  off: {},
  hooks: (_recipe, { kind }) =>
    kind === 'images' ? { data: (real) => sub(div(cast(real, 'float32'), 127.5), 1) } : undefined,
};
