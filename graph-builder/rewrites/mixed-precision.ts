import { emit } from '../graph.ts';
import type { Graph, Node, Value } from '../graph.ts';
import { LeakyRelu, LeakyReluGradient, Relu } from '../ops/activation.ts';
import { Conv, ConvTranspose, ConvWeightGradient } from '../ops/convolution.ts';
import { Abs, Add, Cast, cast, Clip, Max, Min, Mul, mul, Neg, Sub } from '../ops/elementwise.ts';
import { Gemm, MatMul } from '../ops/matmul.ts';
import { Concat, DepthToSpace, Expand, Pad, Reshape, Slice, Split, Transpose } from '../ops/movement.ts';
import { BatchNormTraining } from '../ops/normalization.ts';
import { emitOne } from '../ops/op.ts';
import { AveragePool } from '../ops/pooling.ts';
import { elementsReduced, ReduceMean, ReduceSum, sumInFloat32 } from '../ops/reduction.ts';
import type { ReductionAttributes } from '../ops/reduction.ts';
import { halfBits, tensor } from '../types.ts';
import { isLarge } from './large.ts';
import { removeDead } from './remove-dead.ts';
import { transform } from './transform.ts';

/** Where most of the work is, and what has units of its own for halves. */
const products = typesOf(Conv, ConvTranspose, ConvWeightGradient, Gemm, MatMul);

/**
 * What follows its operands: their results are in the range of halves where their operands are, and as exact. Not among
 * them are functions that saturate or have a pole, and what an optimiser or a loss is made of.
 */
const followers = typesOf(
  ...[Abs, Add, Clip, Max, Min, Mul, Neg, Sub],
  ...[LeakyRelu, LeakyReluGradient, Relu],
  ...[AveragePool, Concat, DepthToSpace, Expand, Pad, Reshape, Slice, Split, Transpose],
  BatchNormTraining,
);

/** Sums over halves are added up in float32: beyond 2048 a half takes no further one. */
const sums = typesOf(ReduceMean, ReduceSum);

/**
 * Elements of a tensor from which on halves are faster: a GPU reads and writes as many floats in the time in which the
 * host starts the next operator, so that smaller ones gain nothing.
 */
const worthwhile = 2 ** 21;

/**
 * Computes layers in halves (float16), as mixed precision does (Micikevicius et al. 2018): products of large tensors,
 * and from there on what follows them, forwards and backwards, until a loss, a statistic or an optimiser wants
 * float32. Whoever differentiates has to scale the loss.
 *
 * Every value keeps its float32 form beside the half that was computed; what nobody reads is removed.
 *
 * @param least elements of a tensor, from which on it is stored as halves
 */
export function mixedPrecision(graph: Graph, least = worthwhile): Graph {
  const halves = new Halves();
  const isWorthwhile = ({ dtype, shape }: Value) => dtype === 'float32' && isLarge(shape, 4 * least);
  const isInHalves = (node: Node, inputs: readonly (Value | undefined)[]) => {
    const { type } = node.op;
    if (products.has(type))
      return (
        !isGrouped(node) && [...node.inputs, ...node.outputs].some((value) => value && isWorthwhile(value))
      );
    return followers.has(type) && isWorthwhile(node.outputs[0]!) && inputs.some((input) => halves.has(input));
  };
  const mixed = transform(graph, (node, inputs, { copy }) => {
    const [x] = inputs;
    if (sums.has(node.op.type) && halves.has(x) && isWorthwhile(node.inputs[0]!))
      return [halves.sum(node, x!)];
    // Said to be float32 from here on.
    if (node.op.type === Cast.type && x!.dtype === node.outputs[0]!.dtype) return [halves.plain(x!)];
    if (!isInHalves(node, inputs)) return copy();
    const operands = inputs.map((input, i) => (isStatistic(node, i) ? input : halves.of(input)));
    if (operands.some((operand, i) => operand === undefined && inputs[i])) return copy();
    return emit(node.op, operands, node.attributes).map((output) => halves.from(output));
  });
  return removeDead(mixed);
}

/**
 * A grouped or depthwise convolution: cuDNN has no plan in halves for several of them, and of their weight gradients,
 * and onnxruntime knows no other way.
 */
const isGrouped = ({ attributes }: Node): boolean => ((attributes.group ?? 1) as number) > 1;

/** The scale and the bias of a norm, which are as long as there are channels, and as exact as its statistics. */
const isStatistic = ({ op }: Node, operand: number): boolean =>
  op.type === BatchNormTraining.type && operand > 0;

/** The values of a graph that are computed in halves, and the others as halves. */
class Halves {
  readonly #computed = new Map<Value, Value>();
  readonly #cast = new Map<Value, Value>();

  /** Whether a value was computed in halves. */
  has(value: Value | undefined): boolean {
    return value !== undefined && this.#computed.has(value);
  }

  /** A value in halves; one of another type as it is, and undefined for a number that a half cannot hold. */
  of(value: Value | undefined): Value | undefined {
    if (value?.dtype !== 'float32') return value;
    const known = this.#computed.get(value) ?? this.#cast.get(value);
    if (known) return known;
    const half = this.#halfOf(value);
    if (half) this.#cast.set(value, half);
    return half;
  }

  #halfOf(value: Value): Value | undefined {
    if (value.constant) return constantInHalves(value);
    // Behind a view it would keep that view apart from the next one.
    const { node } = value;
    const seen = node?.op.type === Reshape.type ? this.of(node.inputs[0]) : undefined;
    return seen ? emitOne(Reshape, [seen], node!.attributes as never) : cast(value, 'float16');
  }

  /** What was computed, in float32 for whoever needs that. */
  from(output: Value): Value {
    if (output.dtype !== 'float16') return output;
    const plain = cast(output, 'float32');
    this.#computed.set(plain, output);
    return plain;
  }

  /** A value that nothing follows in halves. */
  plain(value: Value): Value {
    const half = this.#computed.get(value);
    return half ? cast(half, 'float32') : value;
  }

  /** A sum or mean of a value that was computed in halves. */
  sum({ op, attributes }: Node, x: Value): Value {
    const { axes, keepdims } = attributes as unknown as ReductionAttributes;
    const sum = sumInFloat32(this.#computed.get(x)!, axes, keepdims);
    return op.type === ReduceSum.type ? sum : mul(sum, 1 / elementsReduced(x, axes));
  }
}

/** Undefined where a number of it is beyond the range of normal halves. */
function constantInHalves({ graph, constant }: Value): Value | undefined {
  const numbers = Array.from(constant!.data, Number);
  const fits = (x: number) => x === 0 || (Math.abs(x) >= 2 ** -14 && halfBits(Math.abs(x)) < 0x7c00);
  if (!numbers.every(fits)) return undefined;
  return constant!.shape.length
    ? graph.constant(tensor('float16', numbers, constant!.shape))
    : graph.scalar(numbers[0]!, 'float16');
}

function typesOf(...ops: readonly { readonly type: string }[]): ReadonlySet<string> {
  return new Set(ops.map(({ type }) => type));
}
