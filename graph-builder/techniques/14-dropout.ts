import { GraphError } from '../errors.ts';
import { dropout as dropoutLayer } from '../layers/stochastic.ts';
import type { Technique } from './technique.ts';

export interface DropoutOptions {
  /** Share of zeroed elements, [0, 1); 0 is off. */
  readonly rate: number;
  /** Number of G's first hidden layers that drop; 0 is off. */
  readonly layers: number;
}

export const dropoutOff: DropoutOptions = { rate: 0, layers: 0 };

/**
 * 14. Dropout in G, in training and in the exported model alike (Isola et al. 2017, pix2pix: 50 % in the first layers).
 * It is what makes two pictures of one latent differ.
 */
export const dropout: Technique = {
  number: 14,
  name: 'dropout',
  off: { 'techniques.dropout': dropoutOff },
  hooks: ({
    techniques: {
      dropout: { rate, layers },
    },
  }) => {
    if (rate === 0 || layers === 0) return undefined;
    return {
      randomAtInference: true,
      generatorLayer: (pass, x, layer, of) => {
        if (layers > of)
          throw new GraphError(
            'dropout',
            `layers ${layers} must be at most ${of}, all that the generator has`,
          );
        return layer < layers ? dropoutLayer(pass, 'dropout', x, rate) : x;
      },
    };
  },
};
