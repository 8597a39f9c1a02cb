import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { normalizeAxis, sizeOf } from '../../../graph-builder/shape.ts';
import type { Call, Lowerings } from '../call.ts';

const { add, clip, div, exp, max, min, mul, neg, relu, sub } = ops;

/** alpha (e^min(x, 0) - 1) where x < 0, gamma x elsewhere; the exponent never sees a large x. */
const elu = (x: Value, alpha: number, gamma = 1, scale = 1): Value =>
  add(mul(relu(x), gamma), mul(sub(exp(mul(min(x, 0), 1 / scale)), 1), alpha));

/** max(0, min(1, alpha x + beta)) */
const hardSigmoid = (x: Value, alpha: number, beta: number) => clip(add(mul(x, alpha), beta), 0, 1);

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
const tanhGelu = (x: Value) =>
  mul(mul(x, 0.5), add(ops.tanh(mul(add(x, mul(mul(x, mul(x, x)), 0.044715)), Math.sqrt(2 / Math.PI))), 1));

function leakyRelu(x: Value, alpha: number): Value {
  if (alpha >= 0 && alpha <= 1) return ops.leakyRelu(x, alpha);
  return sub(relu(x), mul(relu(neg(x)), alpha));
}

/** Up to opset 12 over all axes from `axis` on, seen as one; later over `axis` alone. */
function softmaxOver(call: Call, apply: (x: Value, axis: number) => Value): Value {
  const x = call.value(0);
  if (call.opset >= 13) return apply(x, call.int('axis', -1));
  const axis = normalizeAxis(call.int('axis', 1), x.rank);
  if (axis === x.rank - 1) return apply(x, axis);
  const flat = ops.reshape(x, [...x.shape.slice(0, axis), sizeOf(x.shape.slice(axis))]);
  return ops.reshape(apply(flat, axis), x.shape);
}

/** Bounds are attributes up to opset 10 and scalar inputs since. */
function clipped(call: Call): Value {
  let x = call.value(0);
  const [low, high] = (
    [
      ['min', 1],
      ['max', 2],
    ] as const
  ).map(([name, i]) => {
    const known = call.known(i)?.elements[0];
    if (call.operands[i] && typeof known !== 'number') refuse(`bound ${name} must be a constant`);
    return (
      (known as number | undefined) ?? (call.node.attributes.has(name) ? call.float(name, 0) : undefined)
    );
  });
  // The largest numbers of a type say that there is no bound; read as a double that of int64 is one more.
  const unbounded = x.dtype === 'int64' ? 2 ** 63 : 3.4e38;
  const bounded = (bound: number | undefined) => bound !== undefined && Math.abs(bound) < unbounded;
  x = clip(x, bounded(low) ? low : undefined, bounded(high) ? high : undefined);
  return x;
}

export const activations: Lowerings = {
  Relu: (call) => relu(call.value(0)),
  LeakyRelu: (call) => leakyRelu(call.value(0), call.float('alpha', 0.01)),
  // The slope broadcasts from the right, as ONNX has it: [C, 1, 1].
  PRelu: (call) => sub(relu(call.value(0)), mul(relu(neg(call.value(0))), call.value(1))),
  Elu: (call) => elu(call.value(0), call.float('alpha', 1)),
  Selu: (call) => {
    const [alpha, gamma] = [
      call.float('alpha', 1.67326319217681884765625),
      call.float('gamma', 1.05070102214813232421875),
    ];
    return elu(call.value(0), alpha * gamma, gamma);
  },
  Celu: (call) => elu(call.value(0), call.float('alpha', 1), 1, call.float('alpha', 1)),
  Sigmoid: (call) => ops.sigmoid(call.value(0)),
  HardSigmoid: (call) => hardSigmoid(call.value(0), call.float('alpha', 0.2), call.float('beta', 0.5)),
  HardSwish: (call) => mul(call.value(0), hardSigmoid(call.value(0), 1 / 6, 0.5)),
  Swish: (call) => mul(call.value(0), ops.sigmoid(mul(call.value(0), call.float('alpha', 1)))),
  Mish: (call) => mul(call.value(0), ops.tanh(ops.softplus(call.value(0)))),
  Tanh: (call) => ops.tanh(call.value(0)),
  Softplus: (call) => ops.softplus(call.value(0)),
  Softsign: (call) => div(call.value(0), add(ops.abs(call.value(0)), 1)),
  Erf: (call) => ops.erf(call.value(0)),
  Gelu: (call) => (call.text('approximate', 'none') === 'tanh' ? tanhGelu : ops.gelu)(call.value(0)),
  Clip: clipped,
  Softmax: (call) => softmaxOver(call, ops.softmax),
  LogSoftmax: (call) => softmaxOver(call, ops.logSoftmax),
  ThresholdedRelu: (call) => {
    const x = call.value(0);
    return mul(x, ops.cast(ops.greater(x, call.float('alpha', 1)), x.dtype));
  },
  Max: (call) => call.values.reduce((a, b) => max(a, b)),
  Min: (call) => call.values.reduce((a, b) => min(a, b)),
};
