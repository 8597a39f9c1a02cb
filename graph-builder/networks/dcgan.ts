import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { conv2d, convTranspose2d, pixelShuffle } from '../layers/convolution.ts';
import { dense } from '../layers/dense.ts';
import { batchNorm, instanceNorm } from '../layers/normalization.ts';
import type { Network, Pass } from '../layers/pass.ts';
import { dropout } from '../layers/stochastic.ts';
import { leakyRelu, relu, tanh } from '../ops/activation.ts';
import { reshape } from '../ops/movement.ts';
import { averagePool, upsampleNearest } from '../ops/pooling.ts';
import { fixed } from '../shape.ts';
import type { DcganRecipe } from '../recipe.ts';

/** Hooks through which techniques reach into a network. */
export interface NetworkHooks {
  /** Applied to the output of every hidden layer. */
  readonly afterLayer?: (pass: Pass, x: Value) => Value;
}

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

function normalization(kind: DcganRecipe['normalization'], pass: Pass, x: Value): Value {
  if (kind === 'batch') return batchNorm(pass, 'norm', x);
  return kind === 'instance' ? instanceNorm(pass, 'norm', x) : x;
}

const activation = (x: Value, slope: number) => (slope === 0 ? relu(x) : leakyRelu(x, slope));

/**
 * z [N, zDim] -> images [N, C, S, S] in [-1, 1] (Radford et al. 2015): a projection to 4 x 4, then doublings,
 * each normalised and activated; tanh at the end.
 */
export function dcganGenerator(
  recipe: DcganRecipe,
  image: readonly number[],
  hooks: NetworkHooks = {},
): Network {
  const blocks = doublings(image);
  const { filters, slope, upsampling } = recipe;
  // A layer in front of a normalisation needs no bias: the mean is subtracted.
  const bias = recipe.normalization === 'none';
  const double = (pass: Pass, x: Value, channels: number, last: boolean): Value => {
    const options = { bias: last || bias };
    if (upsampling === 'convTranspose')
      return convTranspose2d(pass, 'conv', x, channels, 4, { ...options, stride: 2, pad: 1 });
    if (upsampling === 'pixelShuffle')
      return pixelShuffle(conv2d(pass, 'conv', x, channels * 4, 3, { ...options, pad: 1 }), 2);
    return conv2d(pass, 'conv', upsampleNearest(x, 2), channels, 3, { ...options, pad: 1 });
  };
  return (pass, z) => {
    const finish = (x: Value, block: number) => {
      const active = activation(normalization(recipe.normalization, pass, x), slope);
      const dropped =
        block < recipe.dropout.blocks ? dropout(pass, 'dropout', active, recipe.dropout.rate) : active;
      return hooks.afterLayer ? hooks.afterLayer(pass, dropped) : dropped;
    };
    const base = filters * 2 ** (blocks - 1);
    let x = pass.scope('project', () => {
      const flat = dense(pass, 'dense', z, base * 16, { bias });
      return finish(reshape(flat, [z.shape[0]!, base, 4, 4]), 0);
    });
    for (let block = 1; block < blocks; block++)
      x = pass.scope(`block${block}`, () => finish(double(pass, x, base / 2 ** block, false), block));
    return pass.scope('image', () => tanh(double(pass, x, image[0]!, true)));
  };
}

/** images [N, C, S, S] -> logits [N]: halvings down to 4 x 4, no normalisation on the first, then one dense unit. */
export function dcganDiscriminator(recipe: DcganRecipe, image: readonly number[]): Network {
  const blocks = doublings(image);
  const { filters, slope, downsampling } = recipe;
  const halve = (pass: Pass, x: Value, channels: number, bias: boolean): Value =>
    downsampling === 'stride'
      ? conv2d(pass, 'conv', x, channels, 4, { bias, stride: 2, pad: 1 })
      : averagePool(conv2d(pass, 'conv', x, channels, 3, { bias, pad: 1 }), 2);
  return (pass, images) => {
    let x = images;
    for (let block = 0; block < blocks; block++)
      x = pass.scope(`block${block}`, () => {
        const normalized = block > 0 && recipe.normalization !== 'none';
        const y = halve(pass, x, filters * 2 ** block, !normalized);
        return activation(normalized ? normalization(recipe.normalization, pass, y) : y, slope);
      });
    const features = x.shape.slice(1).reduce<number>((n, dim) => n * fixed(dim), 1);
    const logits = dense(pass, 'logit', reshape(x, [x.shape[0]!, features]), 1);
    return reshape(logits, [x.shape[0]!]);
  };
}
