import type { Network } from '../layers/pass.ts';
import type { Recipe, SampleSpec } from '../recipe.ts';
import type { NetworkHooks } from './dcgan.ts';
import { dcganDiscriminator, dcganGenerator } from './dcgan.ts';
import { mlpDiscriminator, mlpGenerator } from './mlp.ts';
import { GraphError } from '../errors.ts';

export interface Networks {
  readonly generator: Network;
  readonly discriminator: Network;
  /** Whether a sample's logit depends on the rest of its batch, as batch norm makes it. */
  readonly discriminatorMixes: boolean;
}

/** The pair of networks that a recipe names, for samples of the given kind. */
export function networksOf({ network }: Recipe, sample: SampleSpec, hooks: NetworkHooks = {}): Networks {
  if (network.kind === 'mlp')
    return {
      generator: mlpGenerator(network, sample, hooks),
      discriminator: mlpDiscriminator(network, sample),
      discriminatorMixes: false,
    };
  if (sample.kind !== 'images') throw new GraphError('dcgan', 'needs images; for points use the recipe mlp');
  return {
    generator: dcganGenerator(network, sample.shape, hooks),
    discriminator: dcganDiscriminator(network, sample.shape),
    discriminatorMixes: network.normalization === 'batch',
  };
}
