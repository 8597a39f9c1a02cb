import { GraphError } from '../errors.ts';
import type { Recipe, SampleSpec } from '../recipe.ts';
import type { TechniqueHooks } from '../techniques/technique.ts';
import { dcganDiscriminator, dcganGenerator } from './dcgan.ts';
import { mlpDiscriminator, mlpGenerator } from './mlp.ts';
import type { DiscriminatorNetwork, EncoderNetwork, GeneratorNetwork, GivenNetworks } from './network.ts';
import { networkHooks } from './network.ts';

export interface Networks {
  readonly generator: GeneratorNetwork;
  readonly discriminator: DiscriminatorNetwork;
  readonly encoder?: EncoderNetwork;
  /** Whether what D says of a sample depends on the rest of its batch, as batch norm makes it. */
  readonly discriminatorMixes: boolean;
}

/**
 * The networks that a recipe names, for samples of the given kind.
 *
 * @param given networks from elsewhere that take their places
 */
export function networksOf(
  { network }: Recipe,
  sample: SampleSpec,
  techniques: readonly TechniqueHooks[],
  given: GivenNetworks = {},
): Networks {
  const hooks = networkHooks(techniques);
  const encoder = techniques.find((technique) => technique.encoder)?.encoder;
  const further = {
    ...(encoder ? { encoder } : {}),
    // Of a network from elsewhere nothing is known.
    discriminatorMixes:
      given.discriminator !== undefined ||
      (network.kind === 'dcgan' && network.normalization === 'batch') ||
      techniques.some(({ features }) => features),
  };
  if (network.kind === 'imported') {
    const { generator, discriminator } = given;
    if (!generator || !discriminator)
      throw new GraphError('networks', 'kind imported needs both networks from elsewhere');
    return { generator, discriminator, ...further };
  }
  if (network.kind === 'mlp')
    return {
      generator: mlpGenerator(network, sample, hooks),
      discriminator: mlpDiscriminator(network, sample, hooks),
      ...given,
      ...further,
    };
  if (sample.kind !== 'images') throw new GraphError('dcgan', 'needs images; for points use the recipe mlp');
  return {
    generator: dcganGenerator(network, sample.shape, hooks),
    discriminator: dcganDiscriminator(network, sample.shape, hooks),
    ...given,
    ...further,
  };
}
