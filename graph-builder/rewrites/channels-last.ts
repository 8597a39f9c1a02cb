import type { Graph, Node, Value } from '../graph.ts';
import { emitOne } from '../ops/op.ts';
import type { ConvAttributes, ConvWeightGradientAttributes } from '../ops/convolution.ts';
import { Conv, ConvTranspose, ConvWeightGradient } from '../ops/convolution.ts';
import { mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import type { ReductionAttributes } from '../ops/reduction.ts';
import { ReduceMean, ReduceSum, reduceSum } from '../ops/reduction.ts';
import { fixed, normalizeAxes, sameShape } from '../shape.ts';
import { tensor } from '../types.ts';
import { ConvAsMatmul, geometryOf } from './conv-as-matmul.ts';
import { channelsLastLayout, Layouts, matrixLayout, sameLayout } from './layout.ts';
import type { Layout } from './layout.ts';
import { transform } from './transform.ts';

/**
 * Lays a training graph out for onnxruntime's CPU kernels: images as [N, H, W, C], convolution weights as
 * [h, w, C, O], convolutions as matrix multiplications. Elementwise operators follow the layout of their operands, so
 * between the two ends of a network nothing is transposed.
 *
 * Every value keeps its plain form beside the stored one; what nobody reads is removed by the passes that follow.
 */
export function channelsLast(graph: Graph): Graph {
  const layouts = new Layouts();
  const convolutions = new ConvAsMatmul();
  return transform(graph, (node, inputs, { copy }) => {
    const values = inputs as readonly Value[];
    const result =
      convolution(node, values, layouts, convolutions) ??
      channelReduction(node, values, layouts) ??
      fullReduction(node, values, layouts) ??
      elementwise(node, inputs, layouts);
    return result ? [result] : copy();
  });
}

/** The three convolutions, where they are 2-D, ungrouped and of known size. */
function convolution(
  node: Node,
  [a, b, bias]: readonly Value[],
  layouts: Layouts,
  convolutions: ConvAsMatmul,
): Value | undefined {
  const { type } = node.op;
  if (type !== Conv.type && type !== ConvTranspose.type && type !== ConvWeightGradient.type) return undefined;
  const attributes = node.attributes as unknown as ConvAttributes;
  const known = [a!, b!].every(
    (value) => value.dtype === 'float32' && value.shape.every((dim) => typeof dim === 'number'),
  );
  if (!known || a!.rank !== 4 || attributes.group !== 1) return undefined;
  const output = node.outputs[0]!;
  const image = (value: Value) => layouts.to(value, channelsLastLayout);
  const matrix = (value: Value) => layouts.to(value, matrixLayout);
  const kernelOf = (weight: Value) => weight.shape.slice(2).map(fixed);
  if (type === Conv.type) {
    const geometry = geometryOf(a!, output, kernelOf(b!), attributes);
    return layouts.from(convolutions.forward(image(a!), matrix(b!), geometry, bias), channelsLastLayout);
  }
  if (type === ConvTranspose.type) {
    const geometry = geometryOf(output, a!, kernelOf(b!), attributes);
    return layouts.from(
      convolutions.inputGradient(image(a!), matrix(b!), geometry, bias),
      channelsLastLayout,
    );
  }
  const { kernel_shape } = node.attributes as unknown as ConvWeightGradientAttributes;
  const geometry = geometryOf(a!, b!, kernel_shape, attributes);
  return layouts.from(convolutions.weightGradient(image(a!), image(b!), geometry), matrixLayout);
}

/** Sum or mean over all but the channels, the reduction of batch norms and biases: a product with a row of ones. */
function channelReduction(node: Node, [x]: readonly Value[], layouts: Layouts): Value | undefined {
  const { type } = node.op;
  if ((type !== ReduceSum.type && type !== ReduceMean.type) || x!.rank !== 4 || x!.dtype !== 'float32')
    return undefined;
  const { axes } = node.attributes as unknown as ReductionAttributes;
  const isKnown = x!.shape.every((dim) => typeof dim === 'number');
  if (!isKnown || !axes || String(normalizeAxes(axes, 4)) !== '0,2,3') return undefined;
  const rows = x!.shape.reduce<number>((n, dim, axis) => (axis === 1 ? n : n * fixed(dim)), 1);
  const channels = fixed(x!.shape[1]);
  const fold = foldOf(rows, channels);
  const folded = reshape(layouts.to(x!, channelsLastLayout), [rows / fold, fold * channels]);
  const weight = type === ReduceMean.type ? 1 / rows : 1;
  const ones = x!.graph.constant(
    tensor('float32', new Float32Array(rows / fold).fill(weight), [1, rows / fold]),
  );
  const sums = reduceSum(reshape(matmul(ones, folded), [fold, channels]), [0]);
  return reshape(sums, node.outputs[0]!.shape);
}

/** A reduction of every element needs no order. */
function fullReduction(node: Node, [x]: readonly Value[], layouts: Layouts): Value | undefined {
  const layout = x && layouts.of(x);
  const { axes, keepdims } = node.attributes as unknown as Partial<ReductionAttributes>;
  if (!layout || keepdims !== false || axes !== undefined) return undefined;
  return emitOne(node.op, [layouts.to(x, layout)], node.attributes);
}

/** An elementwise operator in the layout that one of its operands already has. */
function elementwise(
  node: Node,
  inputs: readonly (Value | undefined)[],
  layouts: Layouts,
): Value | undefined {
  const output = node.outputs[0]!;
  if (!node.op.elementwise || output.rank !== 4) return undefined;
  const full = inputs.filter((input) => input && sameShape(input.shape, output.shape));
  const layout = full.map((input) => input && layouts.of(input)).find((known) => known !== undefined);
  if (!layout) return undefined;
  const permuted = layout.map((axis) => output.shape[axis]!);
  const operands = inputs.map((input) => {
    if (!input || input.shape.every((dim) => dim === 1)) return input;
    return sameShape(input.shape, output.shape) ? layouts.to(input, layout) : permuteBroadcast(input, layout);
  });
  const folded = foldChannels(operands, permuted, layout);
  const result = emitOne(node.op, folded ?? operands, node.attributes);
  return layouts.from(reshape(result, permuted), layout);
}

/** A broadcast operand such as [1, C, 1, 1] in the axes of `layout`. */
function permuteBroadcast(input: Value, layout: Layout): Value {
  const aligned = [...Array.from({ length: layout.length - input.rank }, () => 1), ...input.shape];
  const permuted = layout.map((axis) => aligned[axis]!);
  // With one axis that is not 1 the order of the elements does not change.
  if (aligned.filter((dim) => dim !== 1).length <= 1) return reshape(input, permuted);
  return new Layouts().to(reshape(input, aligned), layout);
}

/**
 * Rows that are viewed as one so that a channel vector is long enough for the vector units: [M, C] with a vector [C]
 * becomes [M / f, f C] with the vector repeated f times.
 */
function foldOf(rows: number, channels: number): number {
  let fold = 1;
  while (fold * channels < 512 && rows % (fold * 2) === 0) fold *= 2;
  return fold;
}

/** The operands of an operator between images and channel vectors, folded; undefined where there is nothing to fold. */
function foldChannels(
  operands: readonly (Value | undefined)[],
  shape: readonly (number | string)[],
  layout: Layout,
): Value[] | undefined {
  const [a, b] = operands;
  if (!sameLayout(layout, channelsLastLayout) || !a || !b || operands.length !== 2) return undefined;
  const channels = fixed(shape[3]);
  const rows = fixed(shape[0]) * fixed(shape[1]) * fixed(shape[2]);
  const fold = foldOf(rows, channels);
  const isVector = (value: Value) =>
    value.shape.at(-1) === channels && value.shape.slice(0, -1).every((d) => d === 1);
  if (fold === 1 || channels === 1 || !(isVector(a) || isVector(b))) return undefined;
  return [a, b].map((operand) => {
    if (isVector(operand)) {
      const ones = operand.graph.constant(tensor(operand.dtype, new Float32Array(fold).fill(1), [fold, 1]));
      return reshape(mul(reshape(operand, [1, channels]), ones), [1, fold * channels]);
    }
    return operand.shape.every((dim) => dim === 1)
      ? operand
      : reshape(operand, [rows / fold, fold * channels]);
  });
}
