import { refuse } from '../errors.ts';
import type { Value } from '../graph.ts';
import { sameShape } from '../shape.ts';
import { greater } from './comparison.ts';
import { add, clip, exp, mul, neg, sub, where } from './elementwise.ts';
import { emitOne, inferUnary } from './op.ts';
import type { NoAttributes, OpDef } from './op.ts';

export interface SlopeAttributes {
  /** Slope for negative inputs, in [0, 1]. */
  readonly alpha: number;
}

/** y = x > 0 ? x : alpha x. Differentiated through y, not x: onnxruntime then still fuses it into the convolution. */
export const LeakyRelu: OpDef<SlopeAttributes> = {
  type: 'LeakyRelu',
  elementwise: true,
  infer: ([x], { alpha }) => {
    if (!(alpha >= 0 && alpha <= 1)) refuse(`alpha ${alpha} must be in [0, 1]`);
    return inferUnary()([x!]);
  },
  gradient: ({ outputs: [y], attributes: { alpha }, dy }) => [() => leakyReluGradient(dy, y!, alpha)],
};

/** y = max(x, 0); the gradient at 0 is 0, as in PyTorch. */
export const Relu: OpDef<NoAttributes> = {
  type: 'Relu',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => leakyReluGradient(dy, y!, 0)],
};

/**
 * dx = y > 0 ? dy : alpha dy; inputs dy and the forward output y. Linear in dy, piecewise constant in y.
 *
 * The slope is Clip(1e38 y, alpha, 1): three vectorised float passes, no bool tensor
 * (facts of onnxruntime: Where and Cast-of-bool forms are slower on CPU and place a node off WebGPU). No half is as
 * large as that, so for halves it is a choice.
 */
export const LeakyReluGradient: OpDef<SlopeAttributes> = {
  type: 'LeakyReluGradient',
  elementwise: true,
  infer: ([dy, y]) => {
    if (!sameShape(dy!.shape, y!.shape)) refuse('dy and y must have one shape');
    return inferUnary()([dy!]);
  },
  gradient: ({ inputs: [, y], attributes: { alpha }, dy }) => [
    () => leakyReluGradient(dy, y!, alpha),
    undefined,
  ],
  // On CUDA its form is chosen once images are laid out.
  lower: ([dy, y], { alpha }, target) => {
    if (target === 'cuda') return undefined;
    return [mul(dy!, y!.dtype === 'float16' ? slopeOf(y!, alpha) : clip(mul(y!, 1e38), alpha, 1))];
  },
};

/** y > 0 ? 1 : alpha */
export const slopeOf = (y: Value, alpha: number): Value =>
  where(greater(y, 0), y.graph.scalar(1, y.dtype), alpha);

/** dy (1 - y^2) */
export const Tanh: OpDef<NoAttributes> = {
  type: 'Tanh',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => mul(dy, sub(1, mul(y!, y!)))],
};

/** dy y (1 - y) */
export const Sigmoid: OpDef<NoAttributes> = {
  type: 'Sigmoid',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => mul(dy, mul(y!, sub(1, y!)))],
};

/** y = log(1 + e^x), computed without overflow; dy sigmoid(x) */
export const Softplus: OpDef<NoAttributes> = {
  type: 'Softplus',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ inputs: [x], dy }) => [() => mul(dy, sigmoid(x!))],
};

/** y = 2/sqrt(pi) integral_0^x e^(-t^2) dt; dy 2/sqrt(pi) e^(-x^2) */
export const Erf: OpDef<NoAttributes> = {
  type: 'Erf',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ inputs: [x], dy }) => [() => mul(dy, mul(exp(neg(mul(x!, x!))), 2 / Math.sqrt(Math.PI)))],
};

export const leakyRelu = (x: Value, alpha = 0.2): Value => emitOne(LeakyRelu, [x], { alpha });
export const relu = (x: Value): Value => emitOne(Relu, [x], {});
export const tanh = (x: Value): Value => emitOne(Tanh, [x], {});
export const sigmoid = (x: Value): Value => emitOne(Sigmoid, [x], {});
export const softplus = (x: Value): Value => emitOne(Softplus, [x], {});
export const erf = (x: Value): Value => emitOne(Erf, [x], {});

function leakyReluGradient(dy: Value, y: Value, alpha: number): Value {
  return emitOne(LeakyReluGradient, [dy, y], { alpha });
}

/** Gaussian error linear unit, x/2 (1 + erf(x / sqrt 2)) (Hendrycks & Gimpel 2016). */
export const gelu = (x: Value): Value => mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));

/** x sigmoid(x), also called SiLU or swish. */
export const silu = (x: Value): Value => mul(x, sigmoid(x));
