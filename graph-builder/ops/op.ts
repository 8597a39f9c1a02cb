import { emit, type Attributes, type Value } from '../graph.ts';
import { GraphError, refuse } from '../errors.ts';
import { broadcastShapes, formatShape } from '../shape.ts';
import type { DType, TensorType } from '../types.ts';

/** Attributes of an op that has none. */
export type NoAttributes = Readonly<Record<string, never>>;

/** What a gradient rule may look at. `dy` is the gradient of the first output, `dys` that of each. */
export interface GradientContext<A extends object> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: A;
  readonly dy: Value;
  readonly dys: readonly (Value | undefined)[];
}

/**
 * For each input a function that emits its gradient, called only if that gradient is wanted; undefined for an
 * input that has none (an index, a size). A rule may return the shape of the output for a broadcast input:
 * the driver sums it down. Rules use registered ops only, so a gradient can be differentiated again.
 */
export type GradientRule<A extends object> = (
  context: GradientContext<A>,
) => readonly ((() => Value) | undefined)[];

/** The derivative is zero wherever it exists: nothing flows back, and that is right. */
export interface Flat {
  readonly flat: string;
}

/** There is no rule; asking for a gradient through the op is an error that states the reason. */
export interface NotDifferentiable {
  readonly notDifferentiable: string;
}

/**
 * What a graph is compiled for. `portable` runs everywhere and reads well; `cpu` is laid out for onnxruntime's CPU
 * kernels, `cuda` for those of its CUDA provider, which alone runs it.
 */
export type Target = 'portable' | 'cpu' | 'cuda';

/** Everything there is to know about one operator, in one object. */
export interface OpDef<A extends object = Attributes> {
  /** Operator name; ONNX's where `lower` and `onnx` are absent. */
  readonly type: string;
  /** Its name in a model, where that is not `type`, and the operator set it is of, where that is not ONNX's own. */
  readonly onnx?: { readonly type: string; readonly domain?: string };
  /** Attributes that ONNX (opset 18) carries as int64 tensors, with the position of that input. */
  readonly attributeInputs?: { readonly [K in keyof A]?: number };
  /** Element i of the output depends on element i of the (broadcast) inputs only, so any layout will do. */
  readonly elementwise?: true;
  /** Types of the outputs; calls `refuse` where inputs and attributes do not fit. */
  infer(inputs: readonly Value[], attributes: A): readonly TensorType[];
  readonly gradient: GradientRule<A> | Flat | NotDifferentiable;
  /** The same computation in ONNX operators, for an operator that ONNX lacks; undefined to leave it for a later pass. */
  readonly lower?: (inputs: readonly Value[], attributes: A, target: Target) => readonly Value[] | undefined;
}

/** Adds a node that has one output. */
export function emitOne<A extends object>(
  op: OpDef<A>,
  inputs: readonly (Value | undefined)[],
  attributes: NoInfer<A>,
): Value {
  return emit(op, inputs, attributes)[0]!;
}

/** Adds what an operator with one output becomes for a target: the form of an operator within that of another one. */
export function emitLowered<A extends object>(
  op: OpDef<A>,
  inputs: readonly Value[],
  attributes: NoInfer<A>,
  target: Target,
): Value {
  return op.lower?.(inputs, attributes, target)?.[0] ?? emitOne(op, inputs, attributes);
}

/** A value, or a number that becomes a scalar constant of the other operand's type. */
export type Operand = Value | number;

/** Turns number operands into constants beside the values they meet. */
export function operands(...values: readonly Operand[]): Value[] {
  const anchor = values.find((value) => typeof value !== 'number');
  if (!anchor) throw new GraphError('operands', 'at least one must be a graph value');
  return values.map((value) =>
    typeof value === 'number' ? anchor.graph.scalar(value, anchor.dtype) : value,
  );
}

/** Refuses inputs whose element type is not one of `allowed`. */
export function expectDType(name: string, value: Value, allowed: readonly DType[]): void {
  if (!allowed.includes(value.dtype)) refuse(`${name} is ${value.dtype}, must be ${allowed.join(' or ')}`);
}

export function expectRank(name: string, value: Value, rank: number): void {
  if (value.rank !== rank) refuse(`${name} ${formatShape(value.shape)} must have rank ${rank}`);
}

export function expectRankOver(name: string, value: Value, rank: number): void {
  if (value.rank < rank) refuse(`${name} ${formatShape(value.shape)} must have rank >= ${rank}`);
}

export function expectInteger(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) refuse(`${name} ${value} must be an integer >= ${least}`);
}

/** Refuses what is not so many integers; of any sign, unless `least` bounds them. */
export function expectIntegers(name: string, values: readonly number[], count: number, least?: number): void {
  const fits = (n: number) => Number.isInteger(n) && (least === undefined || n >= least);
  const rule = least === undefined ? 'integers' : `integers >= ${least}`;
  if (values.length !== count || !values.every(fits))
    refuse(`${name} ${formatShape(values)} must be ${count} ${rule}`);
}

export const floats: readonly DType[] = ['float32', 'float16', 'float64'];
export const numbers: readonly DType[] = [...floats, 'int32', 'int64', 'uint32', 'uint8'];

/** Inference of a unary op that keeps type and shape. */
export function inferUnary(allowed: readonly DType[] = floats) {
  return ([x]: readonly Value[]): readonly TensorType[] => {
    expectDType('input', x!, allowed);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  };
}

/** Inference of a broadcasting op over operands of one type. */
export function inferBroadcast(allowed: readonly DType[] = numbers, result?: DType) {
  return (inputs: readonly Value[]): readonly TensorType[] => {
    for (const [i, input] of inputs.entries()) {
      expectDType(`operand ${i}`, input, allowed);
      if (input.dtype !== inputs[0]!.dtype)
        refuse(`operand types ${inputs.map((value) => value.dtype).join(' and ')} must be equal`);
    }
    return [
      { dtype: result ?? inputs[0]!.dtype, shape: broadcastShapes(...inputs.map((value) => value.shape)) },
    ];
  };
}
