import type { Value } from '../graph.ts';
import type { ConvLayerOptions } from '../layers/convolution.ts';
import { conv2d, convTranspose2d, pixelShuffle } from '../layers/convolution.ts';
import type { Pass } from '../layers/pass.ts';
import { leakyRelu, relu } from '../ops/activation.ts';
import { averagePool, upsampleNearest } from '../ops/pooling.ts';
import type { DcganRecipe } from '../recipe.ts';
import type { Technique } from './technique.ts';

/*
 * 5. No sparse gradients: a ReLU or a max pooling passes nothing back to most of its inputs, and G learns only from
 * what D passes back. LeakyReLU in both networks; strides or averages down; strided layers or rearranged channels up.
 */

/** LeakyReLU (Maas et al. 2013); ReLU for a slope of 0. */
export const activation = (x: Value, slope: number): Value => (slope === 0 ? relu(x) : leakyRelu(x, slope));

/** Doubles the resolution: [N, C, H, W] -> [N, channels, 2 H, 2 W]. */
export function upsample(
  kind: DcganRecipe['upsampling'],
  pass: Pass,
  x: Value,
  channels: number,
  options: Pick<ConvLayerOptions, 'bias'>,
): Value {
  if (kind === 'convTranspose')
    return convTranspose2d(pass, 'conv', x, channels, 4, { ...options, stride: 2, pad: 1 });
  if (kind === 'pixelShuffle')
    return pixelShuffle(conv2d(pass, 'conv', x, channels * 4, 3, { ...options, pad: 1 }), 2);
  return conv2d(pass, 'conv', upsampleNearest(x, 2), channels, 3, { ...options, pad: 1 });
}

/** Halves it: [N, C, H, W] -> [N, channels, H / 2, W / 2]. */
export function downsample(
  kind: DcganRecipe['downsampling'],
  pass: Pass,
  x: Value,
  channels: number,
  options: Pick<ConvLayerOptions, 'bias'>,
): Value {
  return kind === 'stride'
    ? conv2d(pass, 'conv', x, channels, 4, { ...options, stride: 2, pad: 1 })
    : averagePool(conv2d(pass, 'conv', x, channels, 3, { ...options, pad: 1 }), 2);
}

/** Off: a slope of 0. It works inside the networks, so it needs no hook. */
export const noSparseGradients: Technique = {
  number: 5,
  name: 'leaky-relu',
  off: { 'network.slope': 0 },
  hooks: ({ network }) => (network.kind === 'imported' || network.slope === 0 ? undefined : {}),
};
