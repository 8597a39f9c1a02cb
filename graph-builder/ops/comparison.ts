import { emitOne, inferBroadcast, inferUnary, operands } from './op.ts';
import type { NoAttributes, OpDef, Operand } from './op.ts';
import type { Value } from '../graph.ts';

/** Comparisons jump between two values, so their derivative is zero wherever there is one. */
const piecewiseConstant = { flat: 'piecewise constant' } as const;

function comparison(type: string): OpDef<NoAttributes> {
  return { type, infer: inferBroadcast(undefined, 'bool'), gradient: piecewiseConstant };
}

export const Greater = comparison('Greater');
export const GreaterOrEqual = comparison('GreaterOrEqual');
export const Less = comparison('Less');
export const LessOrEqual = comparison('LessOrEqual');
export const Equal = comparison('Equal');

export const Not: OpDef<NoAttributes> = {
  type: 'Not',
  infer: inferUnary(['bool']),
  gradient: piecewiseConstant,
};

export const And: OpDef<NoAttributes> = {
  type: 'And',
  infer: inferBroadcast(['bool']),
  gradient: piecewiseConstant,
};

export const greater = (a: Operand, b: Operand): Value => emitOne(Greater, operands(a, b), {});
export const greaterOrEqual = (a: Operand, b: Operand): Value => emitOne(GreaterOrEqual, operands(a, b), {});
export const less = (a: Operand, b: Operand): Value => emitOne(Less, operands(a, b), {});
export const lessOrEqual = (a: Operand, b: Operand): Value => emitOne(LessOrEqual, operands(a, b), {});
export const equal = (a: Operand, b: Operand): Value => emitOne(Equal, operands(a, b), {});
export const not = (x: Value): Value => emitOne(Not, [x], {});
export const and = (a: Value, b: Value): Value => emitOne(And, [a, b], {});
