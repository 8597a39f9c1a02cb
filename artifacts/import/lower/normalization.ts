import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed, normalizeAxis } from '../../../graph-builder/shape.ts';
import type { Call, Lowerings } from '../call.ts';

const { add, div, mul, sqrt, sub } = ops;

/** [C] as [C, 1, ...], to broadcast against [N, C, ...]. */
const perChannel = (vector: Value, x: Value) =>
  ops.reshape(vector, [vector.shape[0]!, ...x.shape.slice(2).map(() => 1)]);

/**
 * While training by the statistics of the batch, with the running ones updated as PyTorch does: by 1 - momentum, the
 * variance unbiased. In what is exported, and where the running statistics are frozen, by these.
 */
function batchNorm(call: Call): Value {
  const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => call.value(i)) as [
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  const epsilon = call.float('epsilon', 1e-5);
  const statistics = call.pass.training ? call.statistics(3, 4) : undefined;
  if (!statistics) return ops.batchNormalization(x, scale, bias, mean, variance, epsilon);
  const batch = ops.batchNormTraining(x, scale, bias, epsilon);
  const n = x.shape.reduce<number>((count, dim, axis) => (axis === 1 ? count : count * fixed(dim)), 1);
  const share = 1 - call.float('momentum', 0.9);
  const track = (running: Value, now: Value) => add(running, mul(sub(now, running), share));
  statistics.update(
    track(statistics.mean, batch.mean),
    track(statistics.variance, mul(batch.variance, n / Math.max(n - 1, 1))),
  );
  return batch.y;
}

/** Over the pixels of each group of channels. Scales are per channel, but per group in opset 18 to 20. */
function groupNorm(call: Call): Value {
  const x = call.value(0);
  const [n, channels, ...space] = x.shape;
  const groups = call.int('num_groups', 1);
  const each = fixed(channels) / groups;
  const grouped = ops.reshape(x, [n!, groups, each, ...space]);
  const axes = grouped.shape.flatMap((_, i) => (i >= 2 ? [i] : []));
  const y = ops.normalize(grouped, axes, call.float('epsilon', 1e-5));
  const [scale, bias] = [call.value(1), call.value(2)];
  if (scale.shape[0] === groups && groups !== channels) {
    const perGroup = (v: Value) => ops.reshape(v, [groups, 1, ...space.map(() => 1)]);
    return ops.reshape(add(mul(y, perGroup(scale)), perGroup(bias)), x.shape);
  }
  return add(mul(ops.reshape(y, x.shape), perChannel(scale, x)), perChannel(bias, x));
}

/** Over the axes from `axis` on. */
function layerNorm(call: Call): Value {
  if (call.node.outputs.slice(1).some(Boolean)) refuse('only its first output is imported');
  const x = call.value(0);
  const axis = normalizeAxis(call.int('axis', -1), x.rank);
  const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []));
  const y = mul(ops.normalize(x, axes, call.float('epsilon', 1e-5)), call.value(1));
  const bias = call.optional(2);
  return bias ? add(y, bias) : y;
}

export const normalizations: Lowerings = {
  BatchNormalization: batchNorm,
  InstanceNormalization: (call) => {
    const x = call.value(0);
    const pixels = x.shape.flatMap((_, i) => (i >= 2 ? [i] : []));
    const y = ops.normalize(x, pixels, call.float('epsilon', 1e-5));
    return add(mul(y, perChannel(call.value(1), x)), perChannel(call.value(2), x));
  },
  GroupNormalization: groupNorm,
  LayerNormalization: layerNorm,
  RMSNormalization: (call) => {
    const x = call.value(0);
    const axis = normalizeAxis(call.int('axis', -1), x.rank);
    const axes = x.shape.flatMap((_, i) => (i >= axis ? [i] : []));
    const root = sqrt(add(ops.reduceMean(mul(x, x), axes, true), call.float('epsilon', 1e-5)));
    return mul(div(x, root), call.value(1));
  },
  LpNormalization: (call) => {
    const x = call.value(0);
    const axis = [call.int('axis', -1)];
    return div(x, call.int('p', 2) === 1 ? ops.reduceL1(x, axis, true) : ops.reduceL2(x, axis, true));
  },
};
