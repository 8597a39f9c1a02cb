import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed } from '../../../graph-builder/shape.ts';
import type { Call, Lowerings } from '../call.ts';
import { samePads, windowOf } from './convolution.ts';

interface Pooling {
  readonly x: Value;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly pad: readonly number[];
  /** Windows along each spatial axis. */
  readonly count: readonly number[];
}

function poolingOf(call: Call): Pooling {
  const x = call.value(0);
  const kernel = call.ints('kernel_shape') ?? refuse('kernel_shape is missing');
  const window = windowOf(call, x, kernel);
  const pad = samePads(x, window);
  const up = call.int('ceil_mode', 0) !== 0;
  const count = kernel.map((size, i) => {
    const free =
      fixed(x.shape[i + 2]) + pad[i]! + pad[i + kernel.length]! - (size - 1) * window.dilation[i]! - 1;
    const windows = free / window.stride[i]! + 1;
    if (up && !Number.isInteger(windows))
      refuse(`ceil_mode with ${windows} windows on axis ${i + 2} must come to a whole number`);
    return Math.floor(windows);
  });
  return { x, kernel, stride: window.stride, dilation: window.dilation, pad, count };
}

function averagePool(call: Call): Value {
  const { x, kernel, stride, dilation, pad } = poolingOf(call);
  if (dilation.some((n) => n !== 1)) refuse(`dilations ${dilation.join(', ')} must be 1`);
  return ops.averagePool(x, kernel, { stride, pad, countIncludePad: call.int('count_include_pad', 0) !== 0 });
}

/** Far below every activation, and finite: infinity times the zero of a mask is no number. */
const lowest = -3.4e38;

/** The largest of the taps of each window, each tap a strided slice. Equal maxima share the gradient. */
function maxPool(call: Call): Value {
  if (call.node.outputs[1]) refuse('its indices are used, which ganx does not import');
  const { x, kernel, stride, dilation, pad, count } = poolingOf(call);
  const spatial = kernel.length;
  const padded = ops.pad(x, [0, 0, ...pad.slice(0, spatial), 0, 0, ...pad.slice(spatial)], lowest);
  const taps = kernel.reduce<number[][]>(
    (all, size) => all.flatMap((tap) => Array.from({ length: size }, (_, k) => [...tap, k])),
    [[]],
  );
  const slices = taps.map((tap) => {
    const ranges = tap.map((k, i) => {
      const start = k * dilation[i]!;
      return [i + 2, [start, start + (count[i]! - 1) * stride[i]! + 1, stride[i]!]] as const;
    });
    const part = ops.slice(padded, Object.fromEntries(ranges));
    return ops.reshape(part, [...part.shape, 1]);
  });
  return ops.reduceMax(ops.concat(slices, x.rank), [x.rank]);
}

export const poolings: Lowerings = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  GlobalAveragePool: (call) => ops.globalAveragePool(call.value(0)),
  GlobalMaxPool: (call) => {
    const x = call.value(0);
    return ops.reduceMax(
      x,
      x.shape.flatMap((_, i) => (i >= 2 ? [i] : [])),
      true,
    );
  },
};
