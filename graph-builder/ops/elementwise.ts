import type { Value } from '../graph.ts';
import { refuse } from '../errors.ts';
import { broadcastShapes } from '../shape.ts';
import type { DType } from '../types.ts';
import { isFloat } from '../types.ts';
import { and, equal, greater, greaterOrEqual, less, lessOrEqual } from './comparison.ts';
import { emitOne, expectDType, expectRank, inferBroadcast, inferUnary, numbers, operands } from './op.ts';
import type { NoAttributes, OpDef, Operand } from './op.ts';

// Broadcast operands: rules return gradients of the output's shape; the driver sums them down.

/** d(a + b) = da + db */
export const Add: OpDef<NoAttributes> = {
  type: 'Add',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ dy }) => [() => dy, () => dy],
};

/** d(a - b) = da - db */
export const Sub: OpDef<NoAttributes> = {
  type: 'Sub',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ dy }) => [() => dy, () => neg(dy)],
};

/** d(a b) = b da + a db */
export const Mul: OpDef<NoAttributes> = {
  type: 'Mul',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ inputs: [a, b], dy }) => [() => mul(dy, b!), () => mul(dy, a!)],
};

/** d(a / b) = da / b - (a / b) db / b; integers divide towards zero */
export const Div: OpDef<NoAttributes> = {
  type: 'Div',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ inputs: [, b], outputs: [y], dy }) => [() => div(dy, b!), () => neg(div(mul(dy, y!), b!))],
};

/** d(-x) = -dx */
export const Neg: OpDef<NoAttributes> = {
  type: 'Neg',
  elementwise: true,
  infer: inferUnary(numbers),
  gradient: ({ dy }) => [() => neg(dy)],
};

/** d|x| = sign(x) dx, 0 at x = 0 */
export const Abs: OpDef<NoAttributes> = {
  type: 'Abs',
  elementwise: true,
  infer: inferUnary(numbers),
  gradient: ({ inputs: [x], dy }) => [() => mul(dy, sign(x!))],
};

/** d exp(x) = exp(x) dx */
export const Exp: OpDef<NoAttributes> = {
  type: 'Exp',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => mul(dy, y!)],
};

/** d log(x) = dx / x */
export const Log: OpDef<NoAttributes> = {
  type: 'Log',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ inputs: [x], dy }) => [() => div(dy, x!)],
};

/** d sqrt(x) = dx / (2 sqrt(x)); infinite at 0, so add an epsilon inside the root */
export const Sqrt: OpDef<NoAttributes> = {
  type: 'Sqrt',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => div(mul(dy, 0.5), y!)],
};

/** d(1 / x) = -dx / x^2 */
export const Reciprocal: OpDef<NoAttributes> = {
  type: 'Reciprocal',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ outputs: [y], dy }) => [() => neg(mul(dy, mul(y!, y!)))],
};

/** d(a^b) = b a^(b-1) da + a^b log(a) db; the first term is 0 where b = 0, the second where a <= 0 */
export const Pow: OpDef<NoAttributes> = {
  type: 'Pow',
  elementwise: true,
  infer: inferBroadcast(['float32', 'float16', 'float64']),
  gradient: ({ inputs: [a, b], outputs: [y], dy }) => [
    () => mul(dy, mul(b!, pow(finiteBase(a!, b!), sub(b!, 1)))),
    () => mul(dy, where(greater(a!, 0), mul(y!, log(where(greater(a!, 0), a!, 1))), 0)),
  ],
};

/** a, and 1 where b a^(b-1) would be 0 times infinity: where both are 0. A constant without a 0 needs no such care. */
function finiteBase(a: Value, b: Value): Value {
  const exponents = b.constant?.data;
  if (exponents && !Array.from(exponents, Number).includes(0)) return a;
  return where(and(equal(a, 0), equal(b, 0)), 1, a);
}

/** The larger operand takes the gradient; equal operands take half each. */
export const Max: OpDef<NoAttributes> = {
  type: 'Max',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ inputs: [a, b], dy }) => [() => mul(dy, share(a!, b!)), () => mul(dy, share(b!, a!))],
};

/** The smaller operand takes the gradient; equal operands take half each. */
export const Min: OpDef<NoAttributes> = {
  type: 'Min',
  elementwise: true,
  infer: inferBroadcast(),
  gradient: ({ inputs: [a, b], dy }) => [() => mul(dy, share(b!, a!)), () => mul(dy, share(a!, b!))],
};

/** 1 where a > b, one half where they are equal, else 0. */
function share(a: Value, b: Value): Value {
  return add(cast(greater(a, b), a.dtype), mul(cast(equal(a, b), a.dtype), 0.5));
}

/** Inputs x, low, high (scalars, each optional). The gradient passes inside and on the edges, beyond them to the bound. */
export const Clip: OpDef<NoAttributes> = {
  type: 'Clip',
  elementwise: true,
  infer: ([x, low, high]) => {
    for (const bound of [low, high]) {
      if (!bound) continue;
      expectRank('bound', bound, 0);
      expectDType('bound', bound, [x!.dtype]);
    }
    return inferUnary(numbers)([x!]);
  },
  gradient: ({ inputs: [x, low, high], dy }) => [
    () => {
      let masked = dy;
      if (low) masked = mul(masked, cast(greaterOrEqual(x!, low), dy.dtype));
      if (high) masked = mul(masked, cast(lessOrEqual(x!, high), dy.dtype));
      return masked;
    },
    low && (() => mul(dy, cast(less(x!, low), dy.dtype))),
    high && (() => mul(dy, cast(greater(x!, high), dy.dtype))),
  ],
};

/** y = condition ? a : b */
export const Where: OpDef<NoAttributes> = {
  type: 'Where',
  infer: ([condition, a, b]) => {
    expectDType('condition', condition!, ['bool']);
    if (a!.dtype !== b!.dtype) refuse(`branch types ${a!.dtype} and ${b!.dtype} must be equal`);
    return [{ dtype: a!.dtype, shape: broadcastShapes(condition!.shape, a!.shape, b!.shape) }];
  },
  gradient: ({ inputs: [condition], dy }) => [
    undefined,
    () => where(condition!, dy, 0),
    () => where(condition!, 0, dy),
  ],
};

export interface CastAttributes {
  readonly to: DType;
}

/** Between float types the gradient is cast back; from or to an integer nothing flows. */
export const Cast: OpDef<CastAttributes> = {
  type: 'Cast',
  elementwise: true,
  infer: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  gradient: ({ inputs: [x], dy }) => [isFloat(x!.dtype) ? () => cast(dy, x!.dtype) : undefined],
};

/** Largest integer not above x. */
export const Floor: OpDef<NoAttributes> = {
  type: 'Floor',
  elementwise: true,
  infer: inferUnary(),
  gradient: { flat: 'piecewise constant' },
};

/** d sin(x) = cos(x) dx */
export const Sin: OpDef<NoAttributes> = {
  type: 'Sin',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ inputs: [x], dy }) => [() => mul(dy, cos(x!))],
};

/** d cos(x) = -sin(x) dx */
export const Cos: OpDef<NoAttributes> = {
  type: 'Cos',
  elementwise: true,
  infer: inferUnary(),
  gradient: ({ inputs: [x], dy }) => [() => neg(mul(dy, sin(x!)))],
};

export const add = (a: Operand, b: Operand): Value => emitOne(Add, operands(a, b), {});
export const sub = (a: Operand, b: Operand): Value => emitOne(Sub, operands(a, b), {});
export const mul = (a: Operand, b: Operand): Value => emitOne(Mul, operands(a, b), {});
export const div = (a: Operand, b: Operand): Value => emitOne(Div, operands(a, b), {});
export const pow = (a: Operand, b: Operand): Value => emitOne(Pow, operands(a, b), {});
export const max = (a: Operand, b: Operand): Value => emitOne(Max, operands(a, b), {});
export const min = (a: Operand, b: Operand): Value => emitOne(Min, operands(a, b), {});
export const neg = (x: Value): Value => emitOne(Neg, [x], {});
export const abs = (x: Value): Value => emitOne(Abs, [x], {});
export const exp = (x: Value): Value => emitOne(Exp, [x], {});
export const log = (x: Value): Value => emitOne(Log, [x], {});
export const sqrt = (x: Value): Value => emitOne(Sqrt, [x], {});
export const reciprocal = (x: Value): Value => emitOne(Reciprocal, [x], {});
export const floor = (x: Value): Value => emitOne(Floor, [x], {});
export const sin = (x: Value): Value => emitOne(Sin, [x], {});
export const cos = (x: Value): Value => emitOne(Cos, [x], {});
export const square = (x: Value): Value => mul(x, x);

/** Clamps to [low, high]; either bound may be left out. */
export function clip(x: Value, low?: number, high?: number): Value {
  const bound = (value: number | undefined) =>
    value === undefined ? undefined : x.graph.scalar(value, x.dtype);
  return emitOne(Clip, [x, bound(low), bound(high)], {});
}

export function where(condition: Value, a: Operand, b: Operand): Value {
  const dtype = typeof a === 'number' ? (typeof b === 'number' ? 'float32' : b.dtype) : a.dtype;
  const branch = (value: Operand) =>
    typeof value === 'number' ? condition.graph.scalar(value, dtype) : value;
  return emitOne(Where, [condition, branch(a), branch(b)], {});
}

/** Returns `x` itself where the type already fits. */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : emitOne(Cast, [x], { to });
}

/** The same float32, of which mixed precision makes no half, and of nothing that comes of it alone. */
export const keptInFloat32 = (x: Value): Value => emitOne(Cast, [x], { to: 'float32' });

/** -1, 0 or 1. ONNX's Sign has no WebGPU kernel. */
export function sign(x: Value): Value {
  return sub(cast(greater(x, 0), x.dtype), cast(less(x, 0), x.dtype));
}
