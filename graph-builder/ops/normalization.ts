import { emit, type Value } from '../graph.ts';
import { refuse } from '../errors.ts';
import { fixed, formatShape, normalizeAxis } from '../shape.ts';
import { add, cast, mul, reciprocal, sqrt, sub } from './elementwise.ts';
import { expand, reshape } from './movement.ts';
import { emitLowered, emitOne, expectDType, expectRank, expectRankOver, floats } from './op.ts';
import type { OpDef } from './op.ts';
import type { AxisAttributes } from './movement.ts';
import { elementsReduced, reduceLogSumExp, reduceMean, reduceSum, SumInFloat32 } from './reduction.ts';

export interface EpsilonAttributes {
  /** Added to the variance inside the root. */
  readonly epsilon: number;
}

function checkChannels(x: Value, vectors: readonly Value[]): void {
  expectDType('input', x, floats);
  expectRankOver('input', x, 2);
  for (const vector of vectors) {
    expectDType('channel vector', vector, floats);
    expectRank('channel vector', vector, 1);
    if (vector.shape[0] !== x.shape[1])
      refuse(
        `channel vector ${formatShape(vector.shape)} must be [${x.shape[1]}], the channels of the input`,
      );
  }
}

/** All axes but the channel axis 1. */
const overChannels = (x: Value) => x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));

/** [C] as [1, C, 1, ...], to broadcast against x */
const perChannel = (vector: Value, x: Value) =>
  reshape(
    vector,
    x.shape.map((_, i) => (i === 1 ? vector.shape[0]! : 1)),
  );

/** x, scale, bias, mean, variance -> scale (x - mean) / sqrt(variance + epsilon) + bias, per channel */
export const BatchNormalization: OpDef<EpsilonAttributes> = {
  type: 'BatchNormalization',
  infer: ([x, ...vectors]) => {
    checkChannels(x!, vectors);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient: ({ inputs: [x, scale, , mean, variance], attributes: { epsilon }, dy }) => {
    const inverse = reciprocal(sqrt(add(variance!, epsilon)));
    const total = () => reduceSum(dy, overChannels(x!));
    // sum dy (x - mean)
    const covariance = () => sub(reduceSum(mul(dy, x!), overChannels(x!)), mul(mean!, total()));
    return [
      () => mul(dy, perChannel(mul(scale!, inverse), x!)),
      () => mul(covariance(), inverse),
      total,
      () => mul(total(), mul(mul(scale!, inverse), -1)),
      () => mul(covariance(), mul(mul(scale!, mul(inverse, mul(inverse, inverse))), -0.5)),
    ];
  },
};

/**
 * Batch normalisation by the batch's own statistics (Ioffe & Szegedy 2015).
 * x, scale [C], bias [C] -> y, mean [C], variance [C] (divided by n, not n - 1), the last two of the type of scale,
 * which is wider than that of x in mixed precision.
 *
 * ONNX's training mode is refused by the CUDA and WebGPU providers, so it is lowered to primitives. Its gradient is
 * written as one per-channel affine form, dx = a dy + b (x - mean) + c, whose coefficients are small vectors: far
 * fewer passes over the activations than differentiating the primitives one by one. x - mean and the inverse root
 * are the same nodes as in the forward pass once duplicates are merged.
 */
export const BatchNormTraining: OpDef<EpsilonAttributes> = {
  type: 'BatchNormTraining',
  infer: ([x, ...vectors]) => {
    checkChannels(x!, vectors);
    const channels = { dtype: vectors[0]!.dtype, shape: [x!.shape[1]!] };
    return [{ dtype: x!.dtype, shape: x!.shape }, channels, channels];
  },
  gradient: ({ inputs: [x, scale], outputs: [, mean, variance], attributes: { epsilon }, dys }) => {
    const n = overChannels(x!).reduce((count, axis) => count * fixed(x!.shape[axis]), 1);
    const [dy, dMean, dVariance] = dys;
    const centred = sub(x!, perChannel(mean!, x!));
    const inverse = reciprocal(sqrt(add(variance!, epsilon)));
    const gain = mul(scale!, inverse);
    const total = dy && reduceSum(dy, overChannels(x!));
    // sum dy (x - mean) / sqrt(variance + epsilon)
    const correlation = dy && mul(reduceSum(mul(dy, centred), overChannels(x!)), inverse);
    return [
      () => {
        const share = mul(gain, -1 / n);
        const slopes = [dy && mul(mul(share, inverse), correlation!), dVariance && mul(dVariance, 2 / n)];
        const offsets = [dy && mul(share, total!), dMean && mul(dMean, 1 / n)];
        const [slope, offset] = [sum(slopes), sum(offsets)];
        const terms = [
          dy && mul(dy, perChannel(gain, x!)),
          slope && mul(centred, perChannel(slope, x!)),
          offset && perChannel(offset, x!),
        ];
        // The mean alone gives one number a channel.
        return expand(sum(terms)!, x!.shape);
      },
      dy && (() => correlation!),
      dy && (() => total!),
    ];
  },
  lower: ([x, scale, bias], { epsilon }, target) => {
    const meanOf = (values: Value) => {
      const axes = overChannels(x!);
      if (x!.dtype === scale!.dtype) return reduceMean(values, axes);
      const sum = emitLowered(SumInFloat32, [values], { axes, keepdims: false }, target);
      return mul(sum, 1 / elementsReduced(values, axes));
    };
    const vector = (values: Value) => perChannel(cast(values, x!.dtype), x!);
    const mean = meanOf(x!);
    const centred = sub(x!, vector(mean));
    const variance = meanOf(mul(centred, centred));
    const gain = mul(scale!, reciprocal(sqrt(add(variance, epsilon))));
    const y = add(mul(centred, vector(gain)), vector(bias!));
    return [y, mean, variance];
  },
};

/** The sum of the terms that are there. */
function sum(terms: readonly (Value | undefined)[]): Value | undefined {
  return terms.reduce((total, term) => (total && term ? add(total, term) : (total ?? term)));
}

/** e^x / sum e^x along an axis: dx = y (dy - sum dy y) */
export const Softmax: OpDef<AxisAttributes> = {
  type: 'Softmax',
  infer: ([x], { axis }) => {
    expectDType('input', x!, floats);
    normalizeAxis(axis, x!.rank);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient: ({ outputs: [y], attributes: { axis }, dy }) => [
    () => mul(y!, sub(dy, reduceSum(mul(dy, y!), [axis], true))),
  ],
};

export const batchNormalization = (
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  epsilon: number,
): Value => emitOne(BatchNormalization, [x, scale, bias, mean, variance], { epsilon });

export function batchNormTraining(
  x: Value,
  scale: Value,
  bias: Value,
  epsilon: number,
): { y: Value; mean: Value; variance: Value } {
  const [y, mean, variance] = emit(BatchNormTraining, [x, scale, bias], { epsilon });
  return { y: y!, mean: mean!, variance: variance! };
}

/** Zero mean and unit variance over `axes` (Ba et al. 2016; per sample and channel: Ulyanov et al. 2016). */
export function normalize(x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = sub(x, reduceMean(x, axes, true));
  const variance = reduceMean(mul(centred, centred), axes, true);
  return mul(centred, reciprocal(sqrt(add(variance, epsilon))));
}

export const softmax = (x: Value, axis = -1): Value => emitOne(Softmax, [x], { axis });

/** log softmax without overflow. ONNX's LogSoftmax has no WebGPU kernel. */
export const logSoftmax = (x: Value, axis = -1): Value => sub(x, reduceLogSumExp(x, [axis], true));
