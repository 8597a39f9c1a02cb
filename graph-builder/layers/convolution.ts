import type { Value } from '../graph.ts';
import { conv, convTranspose } from '../ops/convolution.ts';
import { depthToSpace } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import type { WeightOptions } from './dense.ts';
import { dcganWeights, zeros } from './dense.ts';
import type { Pass } from './pass.ts';

export interface ConvLayerOptions extends WeightOptions {
  /** Default 1. */
  readonly stride?: number;
  /** Zeros on every side, default 0. */
  readonly pad?: number;
}

/** [N, C, H, W] -> [N, channels, ...]; the weight is [channels, C, kernel, kernel]. */
export function conv2d(
  pass: Pass,
  name: string,
  x: Value,
  channels: number,
  kernel: number,
  { bias = true, init = dcganWeights, stride = 1, pad = 0 }: ConvLayerOptions = {},
): Value {
  return pass.scope(name, () => {
    const weight = pass.parameter('weight', [channels, fixed(x.shape[1]), kernel, kernel], init);
    return conv(x, weight, { stride, pad }, bias ? pass.parameter('bias', [channels], zeros) : undefined);
  });
}

/** [N, C, H, W] -> [N, channels, ...]; the weight is [C, channels, kernel, kernel]. */
export function convTranspose2d(
  pass: Pass,
  name: string,
  x: Value,
  channels: number,
  kernel: number,
  { bias = true, init = dcganWeights, stride = 1, pad = 0 }: ConvLayerOptions = {},
): Value {
  return pass.scope(name, () => {
    const weight = pass.parameter('weight', [fixed(x.shape[1]), channels, kernel, kernel], init);
    return convTranspose(
      x,
      weight,
      { stride, pad },
      bias ? pass.parameter('bias', [channels], zeros) : undefined,
    );
  });
}

/** [N, C r^2, H, W] -> [N, C, H r, W r] without a parameter (Shi et al. 2016). */
export const pixelShuffle = (x: Value, r: number): Value => depthToSpace(x, r, 'CRD');
