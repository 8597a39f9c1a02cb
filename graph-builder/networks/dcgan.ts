import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { dense } from '../layers/dense.ts';
import type { Pass } from '../layers/pass.ts';
import { tanh } from '../ops/activation.ts';
import { reshape } from '../ops/movement.ts';
import type { DcganRecipe } from '../recipe.ts';
import { fixed } from '../shape.ts';
import { normalization } from '../techniques/04-normalization.ts';
import { activation, downsample, upsample } from '../techniques/05-no-sparse-gradients.ts';
import type { DiscriminatorNetwork, GeneratorNetwork, NetworkHooks } from './network.ts';
import { judge } from './network.ts';

export const dcganSizes = [16, 32, 64, 128] as const;

/** Resolution doublings between the 4 x 4 base and the image. */
function doublings(shape: readonly number[]): number {
  const [channels, height, width] = shape;
  if (height !== width || !dcganSizes.some((size) => size === height))
    throw new GraphError(
      'dcgan',
      `image size ${height} x ${width} must be one of ${dcganSizes.join(', ')}, square`,
    );
  if (channels !== 1 && channels !== 3) throw new GraphError('dcgan', `channels ${channels} must be 1 or 3`);
  return Math.log2(height!) - 2;
}

/**
 * z [N, zDim] -> images [N, C, S, S] in [-1, 1] (Radford et al. 2015): a projection to 4 x 4, then doublings,
 * each normalised and activated; tanh at the end.
 */
export function dcganGenerator(
  recipe: DcganRecipe,
  image: readonly number[],
  hooks: NetworkHooks,
): GeneratorNetwork {
  const blocks = doublings(image);
  const { filters, slope, upsampling } = recipe;
  // A layer in front of a normalisation needs no bias: the mean is subtracted.
  const bias = recipe.normalization === 'none';
  return (pass, z) => {
    const finish = (x: Value, layer: number) =>
      hooks.generatorLayer(
        pass,
        activation(normalization(recipe.normalization, pass, x), slope),
        layer,
        blocks,
      );
    const base = filters * 2 ** (blocks - 1);
    let x = pass.scope('project', () => {
      const flat = dense(pass, 'dense', hooks.generatorInput(pass, z), base * 16, { bias });
      return finish(reshape(flat, [z.shape[0]!, base, 4, 4]), 0);
    });
    x = hooks.generatorMap(pass, x);
    for (let block = 1; block < blocks; block++)
      x = pass.scope(`block${block}`, () =>
        finish(upsample(upsampling, pass, x, base / 2 ** block, { bias }), block),
      );
    return pass.scope('image', () => tanh(upsample(upsampling, pass, x, image[0]!, { bias: true })));
  };
}

/** images [N, C, S, S] -> hidden layers by halvings down to 4 x 4, the first without normalisation, the last flat. */
export function discriminatorLayers(
  recipe: DcganRecipe,
  image: readonly number[],
  pass: Pass,
  images: Value,
): { readonly layers: readonly Value[]; readonly features: Value } {
  const { filters, slope, downsampling } = recipe;
  const layers: Value[] = [];
  for (let block = 0; block < doublings(image); block++)
    layers.push(
      pass.scope(`block${block}`, () => {
        const normalized = block > 0 && recipe.normalization !== 'none';
        const x = layers.at(-1) ?? images;
        const y = downsample(downsampling, pass, x, filters * 2 ** block, { bias: !normalized });
        return activation(normalized ? normalization(recipe.normalization, pass, y) : y, slope);
      }),
    );
  const last = layers.at(-1)!;
  const size = last.shape.slice(1).reduce<number>((n, dim) => n * fixed(dim), 1);
  return { layers, features: reshape(last, [last.shape[0]!, size]) };
}

/** images [N, C, S, S] -> logits [N]: the layers above, then one dense unit. */
export function dcganDiscriminator(
  recipe: DcganRecipe,
  image: readonly number[],
  hooks: NetworkHooks,
): DiscriminatorNetwork {
  doublings(image);
  return (pass, images) => {
    const { layers, features } = discriminatorLayers(recipe, image, pass, images);
    return judge(pass, layers, features, hooks);
  };
}
