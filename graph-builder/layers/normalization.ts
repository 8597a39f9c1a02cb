import type { Value } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reshape } from '../ops/movement.ts';
import { batchNormalization, batchNormTraining, normalize } from '../ops/normalization.ts';
import { fixed } from '../shape.ts';
import { zeros } from './dense.ts';
import type { Pass } from './pass.ts';

/** PyTorch's constants: epsilon inside the root, share of the new batch in the running statistics. */
const epsilon = 1e-5;
const momentum = 0.1;

const ones: Initializer = { kind: 'constant', value: 1 };
/** DCGAN draws batch-norm scales from N(1, 0.02). */
const dcganScales: Initializer = { kind: 'normal', mean: 1, std: 0.02 };

/**
 * Normalises each channel over the batch (Ioffe & Szegedy 2015), by the batch's statistics in training and by
 * running ones at inference. Running variances are unbiased, as PyTorch keeps them.
 */
export function batchNorm(pass: Pass, name: string, x: Value): Value {
  return pass.scope(name, () => {
    const channels = [fixed(x.shape[1])];
    const scale = pass.parameter('weight', channels, dcganScales);
    const bias = pass.parameter('bias', channels, zeros);
    const runningMean = pass.statistic('running_mean', channels, zeros);
    const runningVariance = pass.statistic('running_var', channels, ones);
    if (!pass.training) return batchNormalization(x, scale, bias, runningMean, runningVariance, epsilon);
    const { y, mean, variance } = batchNormTraining(x, scale, bias, epsilon);
    const n = x.shape.reduce<number>((count, dim, axis) => (axis === 1 ? count : count * fixed(dim)), 1);
    const track = (running: Value, batch: Value, bias = 1) =>
      add(mul(running, 1 - momentum), mul(batch, momentum * bias));
    pass.update('running_mean', track(runningMean, mean));
    pass.update('running_var', track(runningVariance, variance, n / Math.max(n - 1, 1)));
    return y;
  });
}

/** Normalises each channel of each sample over its pixels (Ulyanov et al. 2016): [N, C, H, W], no statistics. */
export function instanceNorm(pass: Pass, name: string, x: Value): Value {
  return pass.scope(name, () => {
    const channels = fixed(x.shape[1]);
    const perChannel = x.shape.map((_, i) => (i === 1 ? channels : 1));
    const scale = reshape(pass.parameter('weight', [channels], ones), perChannel);
    const bias = reshape(pass.parameter('bias', [channels], zeros), perChannel);
    const pixels = x.shape.flatMap((_, i) => (i >= 2 ? [i] : []));
    return add(mul(normalize(x, pixels, epsilon), scale), bias);
  });
}
