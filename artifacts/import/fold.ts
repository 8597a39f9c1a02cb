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
const logic =
  (compute: (a: Dim, b: Dim) => boolean): Binary =>
  (a, b) =>
    compute(a, b) ? 1 : 0;
/** A symbol stands for an extent >= 1: it equals itself, and is larger than any marker such as -1 or 0. */
const comparison = (compute: (a: number, b: number) => boolean) =>
  logic((a, b) => {
    if (typeof a === 'number' && typeof b === 'number') return compute(a, b);
    if (a === b) return compute(1, 1);
    if (typeof b === 'number' && b <= 0) return compute(1, b);
    if (typeof a === 'number' && a <= 0) return compute(a, 1);
    return refuse(`${a} and ${b} cannot be compared before the batch is known`);
  });

const binary: Readonly<Record<string, Binary>> = {
  Add: arithmetic('the sum', (a, b) => a + b, neutral(0, true)),
  Sub: arithmetic('the difference', (a, b) => a - b, neutral(0)),
  Mul: times,
  Pow: arithmetic('the power', (a, b) => a ** b, neutral(1)),
  Max: arithmetic('the larger', Math.max, neutral(1, true)),
  Min: arithmetic('the smaller', Math.min),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  And: logic((a, b) => Boolean(a) && Boolean(b)),
  Or: logic((a, b) => Boolean(a) || Boolean(b)),
};
const isTruth = (op: string) => /^(Equal|Greater|Less|And|Or)/.test(op);

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

/** How two become one, and what none are. */
const reductions: Readonly<Record<string, readonly [Binary, number?]>> = {
  ReduceProd: [times, 1],
  ReduceSum: [binary.Add!, 0],
  ReduceMax: [binary.Max!],
  ReduceMin: [binary.Min!],
};

const moves = [
  'Identity',
  'Cast',
  'CastLike',
  'Div',
  'Mod',
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
  /** The type that a cast is to, by attribute or by the type of another operand. */
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
  if (op === 'Cast' || op === 'CastLike') return attributes.to && castTo(a, attributes.to);
  if (op === 'Div' && b) return map2(a, b, a.dtype, divide(a.dtype));
  if (op === 'Mod' && b) return map2(a, b, a.dtype, remainder(attributes.int('fmod', 0) !== 0));
  // Max and Min take any number of operands.
  if (binary[op] && b)
    return operands.slice(1).reduce((x, y) => map2(x, y, isTruth(op) ? 'bool' : a.dtype, binary[op]!), a);
  if (unary[op]) return { ...a, elements: a.elements.map((x) => stored(a.dtype, unary[op]!(fixed(x)))) };
  if (op === 'Where' && b && c) return where(a, b, c);
  if (op === 'Unsqueeze' || op === 'Squeeze')
    return { ...a, shape: squeezed(op, a.shape, attributes.list('axes', 1)) };
  if (op === 'Concat') return a.shape.length === 1 ? concatenated(operands) : undefined;
  if (op === 'Gather' && b) return gathered(a, b, attributes.int('axis', 0));
  if (reductions[op]) return reduced(a, op, attributes);
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

const arrays: Readonly<Partial<Record<DType, { of(x: number): ArrayLike<number> }>>> = {
  float32: Float32Array,
  int32: Int32Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
};

/** A number as an element of that type: rounded, cut off or wrapped. */
function stored(dtype: DType, x: Dim): Dim {
  if (typeof x === 'string') return x;
  if (dtype === 'int64') return Math.trunc(x);
  return arrays[dtype]?.of(x)[0] ?? x;
}

const divide = (dtype: DType) =>
  arithmetic(
    'the quotient',
    (a, b) => (dtype.startsWith('float') ? a / b : Math.trunc(a / b)),
    ofExtents(quotient),
  );

/** With the sign of the dividend, as C's fmod has it, or of the divisor. */
const remainder = (isOfDividend: boolean) =>
  arithmetic('the remainder', isOfDividend ? (a, b) => a % b : (a, b) => ((a % b) + b) % b);

function castTo(a: Known, to: DType): Known {
  const element = to === 'bool' ? (x: Dim) => (x === 0 ? 0 : 1) : (x: Dim) => stored(to, x);
  return { ...a, dtype: to, elements: a.elements.map(element) };
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
    stored(dtype, compute(a.elements[source(a.shape, shape, i)]!, b.elements[source(b.shape, shape, i)]!)),
  );
  return { dtype, shape, elements };
}

function where(condition: Known, a: Known, b: Known): Known {
  const shape = broadcastShapes(condition.shape, a.shape, b.shape).map(fixed);
  const at = (known: Known, i: number) => known.elements[source(known.shape, shape, i)]!;
  const elements = Array.from({ length: sizeOf(shape) }, (_, i) => at(at(condition, i) ? a : b, i));
  return { dtype: a.dtype, shape, elements };
}

function reduced(a: Known, op: string, { int, list }: Attributes): Known | undefined {
  const axes = list('axes', 1) ?? [];
  if (!axes.length && int('noop_with_empty_axes', 0)) return a;
  if (axes.length && axes.length !== a.shape.length) return undefined;
  const shape = int('keepdims', 1) ? a.shape.map(() => 1) : [];
  const [combine, none] = reductions[op]!;
  const [first = none, ...others] = a.elements;
  return first === undefined
    ? undefined
    : { ...a, shape, elements: [stored(a.dtype, others.reduce(combine, first))] };
}

function range(start: Known, limit: Known, delta: Known): Known {
  const [from, to, by] = [start, limit, delta].map(({ elements }) => fixed(elements[0]));
  const elements = Array.from(
    { length: Math.max(0, Math.ceil((to! - from!) / by!)) },
    (_, i) => from! + i * by!,
  );
  return { dtype: start.dtype, shape: [elements.length], elements };
}
