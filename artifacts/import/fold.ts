import { refuse } from '../../graph-builder/errors.ts';
import { broadcastShapes, fixed, product, quotient, sizeOf } from '../../graph-builder/shape.ts';
import type { Dim, DType } from '../../graph-builder/types.ts';
import { concatenated, filled, gathered, reshaped, sliced, squeezed, transposed } from './fold-movement.ts';
import type { Known } from './operand.ts';
import { small } from './operand.ts';

// Arithmetic on tensors that are known while a graph is read: what exporters write to work out shapes. A symbol, the
// extent of the batch, passes through whatever leaves it as it is.

type Binary = (a: Dim, b: Dim) => Dim;

/** Arithmetic of numbers; with a symbol only where the result can be said whatever it stands for. */
const arithmetic =
  (
    name: string,
    compute: (a: number, b: number) => number,
    withSymbols: (a: Dim, b: Dim) => Dim | undefined = () => undefined,
  ): Binary =>
  (a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return compute(a, b);
    return withSymbols(a, b) ?? refuse(`${name} of ${a} and ${b} is no size that a shape can have here`);
  };
/** What a symbol is where the other operand leaves it as it is. */
const neutral =
  (element: number, commutes = false) =>
  (a: Dim, b: Dim): Dim | undefined =>
    b === element ? a : commutes && a === element ? b : undefined;
const isExtent = (dim: Dim) => typeof dim === 'string' || (Number.isInteger(dim) && dim > 0);
/** Of extents only: a negative or broken one is a number of another kind. */
const ofExtents = (compute: (a: Dim, b: Dim) => Dim | undefined) => (a: Dim, b: Dim) =>
  isExtent(a) && isExtent(b) ? compute(a, b) : undefined;
const times = arithmetic(
  'the product',
  (a, b) => a * b,
  ofExtents((a, b) => product([a, b])),
);
const comparison =
  (compute: (a: Dim, b: Dim) => boolean): Binary =>
  (a, b) =>
    compute(a, b) ? 1 : 0;
/** A symbol stands for an extent >= 1: it equals itself and no marker such as -1 or 0. */
const order = (compute: (a: number, b: number) => boolean) =>
  comparison((a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return compute(a, b);
    if (typeof b === 'number' && b <= 0) return compute(1, b);
    if (typeof a === 'number' && a <= 0) return compute(a, 1);
    return refuse(`${a} and ${b} cannot be compared before the batch is known`);
  });

const binary: Readonly<Record<string, Binary>> = {
  Add: arithmetic('the sum', (a, b) => a + b, neutral(0, true)),
  Sub: arithmetic('the difference', (a, b) => a - b, neutral(0)),
  Mul: times,
  Pow: arithmetic('the power', (a, b) => a ** b, neutral(1)),
  Mod: arithmetic('the remainder', (a, b) => ((a % b) + b) % b),
  Max: arithmetic('the larger', Math.max, neutral(1, true)),
  Min: arithmetic('the smaller', Math.min),
  Equal: comparison((a, b) => a === b),
  Greater: order((a, b) => a > b),
  GreaterOrEqual: order((a, b) => a >= b),
  Less: order((a, b) => a < b),
  LessOrEqual: order((a, b) => a <= b),
  And: comparison((a, b) => Boolean(a) && Boolean(b)),
  Or: comparison((a, b) => Boolean(a) || Boolean(b)),
};
const isComparison = (op: string) => /^(Equal|Greater|Less|And|Or)/.test(op);

const unary: Readonly<Record<string, (x: number) => number>> = {
  Neg: (x) => -x,
  Abs: Math.abs,
  Sqrt: Math.sqrt,
  Reciprocal: (x) => 1 / x,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Exp: Math.exp,
  Log: Math.log,
  Not: (x) => 1 - x,
};

const reductions: Readonly<Record<string, Binary>> = {
  ReduceProd: times,
  ReduceSum: binary.Add!,
  ReduceMax: binary.Max!,
  ReduceMin: binary.Min!,
};

const moves = [
  'Identity',
  'Cast',
  'CastLike',
  'Div',
  'Where',
  'Unsqueeze',
  'Squeeze',
  'Concat',
  'Gather',
  'Range',
  'Slice',
  'Reshape',
  'Expand',
  'Transpose',
];

/** Whether an operator is computed here, on known operands, if nowhere else. */
export const isFoldable = (op: string): boolean =>
  [binary, unary, reductions].some((table) => Object.hasOwn(table, op)) || moves.includes(op);

/** What a folding needs of a node beside its operands; read when it is needed, as not every operator has it. */
export interface Attributes {
  readonly int: (name: string, fallback: number) => number;
  /** A list that the version of the operator has as an attribute or as input `i`. */
  readonly list: (name: string, i: number) => readonly number[] | undefined;
  readonly to: DType | undefined;
  readonly perm: readonly number[] | undefined;
}

/**
 * The result of an operator on known operands; undefined for one that is not folded.
 *
 * @throws Refusal where a symbol would have to be computed with
 */
export function fold(op: string, operands: readonly Known[], attributes: Attributes): Known | undefined {
  const [a, b, c] = operands;
  if (!a) return undefined;
  if (op === 'Identity') return a;
  if (op === 'Cast') return attributes.to && castTo(a, attributes.to);
  if (op === 'CastLike') return b && castTo(a, b.dtype);
  if (op === 'Div' && b) return map2(a, b, a.dtype, divide(a.dtype));
  if (binary[op] && b) return map2(a, b, isComparison(op) ? 'bool' : a.dtype, binary[op]);
  if (unary[op]) return { ...a, elements: a.elements.map((x) => unary[op]!(fixed(x))) };
  if (op === 'Where' && b && c) return where(a, b, c);
  if (op === 'Unsqueeze' || op === 'Squeeze')
    return { ...a, shape: squeezed(op, a.shape, attributes.list('axes', 1)) };
  if (op === 'Concat') return a.shape.length === 1 ? concatenated(operands) : undefined;
  if (op === 'Gather' && b) return gathered(a, b, attributes.int('axis', 0));
  if (reductions[op]) return reduced(a, op, attributes.int('keepdims', 1) !== 0, attributes.list('axes', 1));
  if (op === 'Range' && b && c) return range(a, b, c);
  if (op === 'Slice') return sliced(a, attributes.list);
  if (op === 'Transpose') return transposed(a, attributes.perm);
  if (op === 'Reshape' && b) return reshaped(a, b.elements.map(fixed));
  // What becomes as large as the batch, or large at all, is a value of the graph.
  if (op === 'Expand' && b && isSmall(b.elements))
    return map2(a, filled(b.elements.map(fixed)), a.dtype, (x) => x);
  return undefined;
}

const isSmall = (sizes: readonly Dim[]) => {
  const size = product(sizes);
  return typeof size === 'number' && size <= small;
};

const divide = (dtype: DType) =>
  arithmetic(
    'the quotient',
    (a, b) => (dtype.startsWith('float') ? a / b : Math.trunc(a / b)),
    ofExtents(quotient),
  );

function castTo(a: Known, to: DType): Known {
  const integer = (x: Dim) => (typeof x === 'number' ? Math.trunc(x) : x);
  if (to === 'bool') return { ...a, dtype: to, elements: a.elements.map((x) => (x === 0 ? 0 : 1)) };
  if (to.startsWith('float')) return { ...a, dtype: to };
  return { ...a, dtype: to, elements: a.elements.map(integer) };
}

/** Position in `shape` of the element of `of` with row-major number `i`, broadcast. */
function source(shape: readonly number[], of: readonly number[], i: number): number {
  let [rest, index, stride] = [i, 0, 1];
  for (let axis = of.length - 1; axis >= 0; axis--) {
    const at = rest % of[axis]!;
    rest = Math.floor(rest / of[axis]!);
    const own = shape[axis - of.length + shape.length] ?? 1;
    if (axis - of.length + shape.length < 0) continue;
    if (own !== 1) index += at * stride;
    stride *= own;
  }
  return index;
}

function map2(a: Known, b: Known, dtype: DType, compute: Binary): Known {
  const shape = broadcastShapes(a.shape, b.shape).map(fixed);
  const elements = Array.from({ length: sizeOf(shape) }, (_, i) =>
    compute(a.elements[source(a.shape, shape, i)]!, b.elements[source(b.shape, shape, i)]!),
  );
  return { dtype, shape, elements };
}

function where(condition: Known, a: Known, b: Known): Known {
  const shape = broadcastShapes(condition.shape, a.shape, b.shape).map(fixed);
  const at = (known: Known, i: number) => known.elements[source(known.shape, shape, i)]!;
  const elements = Array.from({ length: sizeOf(shape) }, (_, i) => at(at(condition, i) ? a : b, i));
  return { dtype: a.dtype, shape, elements };
}

function reduced(
  a: Known,
  op: string,
  keepdims: boolean,
  axes: readonly number[] | undefined,
): Known | undefined {
  const all = axes === undefined || axes.length === 0 || axes.length === a.shape.length;
  if (!all) return undefined;
  const shape = keepdims ? a.shape.map(() => 1) : [];
  if (a.elements.length === 1) return { ...a, shape };
  return { ...a, shape, elements: [a.elements.reduce(reductions[op]!)] };
}

function range(start: Known, limit: Known, delta: Known): Known {
  const [from, to, by] = [start, limit, delta].map(({ elements }) => fixed(elements[0]));
  const elements = Array.from(
    { length: Math.max(0, Math.ceil((to! - from!) / by!)) },
    (_, i) => from! + i * by!,
  );
  return { dtype: start.dtype, shape: [elements.length], elements };
}
