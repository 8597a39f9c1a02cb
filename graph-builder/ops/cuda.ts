import { refuse } from '../errors.ts';
import { formatShape } from '../shape.ts';
import type { Shape } from '../types.ts';
import { convShape, convTransposeShape } from './convolution.ts';
import type { ConvAttributes, ConvTransposeAttributes } from './convolution.ts';
import { Gather } from './indexing.ts';
import type { AxisAttributes } from './movement.ts';
import type { EpsilonAttributes } from './normalization.ts';
import type { OpDef } from './op.ts';

/*
 * Operators of onnxruntime's CUDA provider alone: what a graph compiled for `cuda` may hold beside ONNX's. The
 * provider and onnxruntime are always of one version, so what the provider does is known.
 */

/** What the provider calls its operators on images [N, H, W, C]; their weights are as ONNX has them. */
const domain = 'com.ms.internal.nhwc';

const channelsFirst = ([n, h, w, c]: Shape): Shape => [n!, c!, h!, w!];
const channelsLast = ([n, c, h, w]: Shape): Shape => [n!, h!, w!, c!];

const gradient = {
  notDifferentiable: 'it is the form of an operator for CUDA, chosen after differentiation',
};

/**
 * x [N, H, W, C], w [M, C / group, h, w] -> [N, H', W', M]. Without a bias, and x must be computed: where one of the two is
 * an initializer and w is not, the provider takes w for one whose axes it has moved.
 */
export const ConvChannelsLast: OpDef<ConvAttributes> = {
  type: 'ConvChannelsLast',
  onnx: { type: 'Conv', domain },
  infer: ([x, w], attributes) => [
    { dtype: x!.dtype, shape: channelsLast(convShape(channelsFirst(x!.shape), w!.shape, attributes)) },
  ],
  gradient,
};

/** y [N, H, W, M], w [M, C / group, h, w] -> [N, H', W', C] */
export const ConvTransposeChannelsLast: OpDef<ConvTransposeAttributes> = {
  type: 'ConvTransposeChannelsLast',
  onnx: { type: 'ConvTranspose', domain },
  infer: ([y, w], attributes) => [
    {
      dtype: y!.dtype,
      shape: channelsLast(convTransposeShape(channelsFirst(y!.shape), w!.shape, attributes)),
    },
  ],
  gradient,
};

/** x [N, H, W, C], scale, bias, mean and variance [C] -> scale (x - mean) / sqrt(variance + epsilon) + bias */
export const BatchNormalizationChannelsLast: OpDef<EpsilonAttributes> = {
  type: 'BatchNormalizationChannelsLast',
  onnx: { type: 'BatchNormalization', domain },
  infer: ([x, ...vectors]) => {
    for (const vector of vectors)
      if (vector.rank !== 1 || vector.shape[0] !== x!.shape[3])
        refuse(`vector ${formatShape(vector.shape)} must be [${x!.shape[3]}], the channels of the image`);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  gradient,
};

/** Gather that gives zeros for indices beyond the last: ONNX calls them an error, the CUDA kernel fills in zeros. */
export const GatherOrZero: OpDef<AxisAttributes> = {
  type: 'GatherOrZero',
  onnx: { type: 'Gather' },
  infer: (inputs, attributes) => Gather.infer(inputs, attributes),
  gradient,
};
