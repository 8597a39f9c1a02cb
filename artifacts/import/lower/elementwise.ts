import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { dropout } from '../../../graph-builder/layers/stochastic.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import type { Call, Lowering, Lowerings } from '../call.ts';

const unary =
  (op: (x: Value) => Value): Lowering =>
  (call) =>
    op(call.value(0));
const binary =
  (op: (a: Value, b: Value) => Value): Lowering =>
  (call) =>
    op(call.value(0), call.value(1));
const sum = (call: Call) => call.values.reduce((a, b) => ops.add(a, b));

/** The gradient at 0 is 0, as PyTorch has it for what ends in a root: std, lp_pool, roots of a ReLU. */
function root(x: Value): Value {
  const isZero = ops.equal(x, 0);
  return ops.where(isZero, 0, ops.sqrt(ops.where(isZero, 1, x)));
}

/** Squares and roots have a form of their own: the general power has no derivative at 0 by its exponent. */
function pow(call: Call): Value {
  const x = call.value(0);
  const exponent = call.known(1);
  const power = exponent?.elements.length === 1 ? exponent.elements[0] : undefined;
  if (power === 1) return x;
  if (power === 2) return ops.mul(x, x);
  if (power === 3) return ops.mul(x, ops.mul(x, x));
  if (power === 0.5) return root(x);
  if (typeof power === 'number') return ops.pow(x, power);
  return ops.pow(x, ops.cast(call.value(1), x.dtype));
}

/** On while training where the file has it in training mode, and always off in what is exported. */
function droppedOut(call: Call): Value {
  const x = call.value(0);
  if (call.node.outputs[1]) refuse('its mask is used, which ganx does not import');
  const training = call.opset >= 12 && call.known(2)?.elements[0] === 1;
  const rate = call.opset >= 12 ? (call.known(1)?.elements[0] ?? 0.5) : call.float('ratio', 0.5);
  return training && call.pass.training ? dropout(call.pass, call.node.name, x, Number(rate)) : x;
}

const or = (a: Value, b: Value) => ops.not(ops.and(ops.not(a), ops.not(b)));

export const elementwise: Lowerings = {
  Add: binary(ops.add),
  Sub: binary(ops.sub),
  Mul: binary(ops.mul),
  Div: binary(ops.div),
  Pow: pow,
  Sum: sum,
  Mean: (call) => ops.mul(sum(call), 1 / call.operands.length),
  Neg: unary(ops.neg),
  Abs: unary(ops.abs),
  Exp: unary(ops.exp),
  Log: unary(ops.log),
  Sqrt: unary(root),
  Reciprocal: unary(ops.reciprocal),
  Floor: unary(ops.floor),
  Ceil: unary((x) => ops.neg(ops.floor(ops.neg(x)))),
  Sin: unary(ops.sin),
  Cos: unary(ops.cos),
  Sign: unary(ops.sign),
  Cast: (call) => ops.cast(call.value(0), call.dtype('to')),
  CastLike: (call) => ops.cast(call.value(0), call.value(1).dtype),
  Equal: binary(ops.equal),
  Greater: binary(ops.greater),
  GreaterOrEqual: binary(ops.greaterOrEqual),
  Less: binary(ops.less),
  LessOrEqual: binary(ops.lessOrEqual),
  Not: unary(ops.not),
  And: binary(ops.and),
  Or: binary(or),
  Where: (call) => ops.where(call.value(0), call.value(1), call.value(2)),
  Identity: (call) => call.operands[0] ?? refuse('input 0 is missing'),
  Dropout: droppedOut,
};
