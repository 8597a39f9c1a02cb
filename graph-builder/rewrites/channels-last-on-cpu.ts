import type { Node, Value } from '../graph.ts';
import type { ConvAttributes, ConvWeightGradientAttributes } from '../ops/convolution.ts';
import { Conv, ConvTranspose } from '../ops/convolution.ts';
import { mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { ReduceMean, reduceSum } from '../ops/reduction.ts';
import { fixed, sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';
import type { ImageForms } from './channels-last.ts';
import { ConvAsMatmul } from './conv-as-matmul.ts';
import { ConvByTiles } from './conv-by-tiles.ts';
import { geometryOf, Tables } from './conv-geometry.ts';
import type { ConvForms, Geometry } from './conv-geometry.ts';
import { channelsLastLayout, matrixLayout, sameLayout } from './layout.ts';
import type { Layout, Layouts } from './layout.ts';
import { tilingOf } from './tiling.ts';

/**
 * onnxruntime's CPU kernels: convolutions as matrix products, by tiles where that takes less work, with weights as
 * [h, w, C, O], and long vectors.
 */
export class CpuForms implements ImageForms {
  readonly dtypes = ['float32'] as const;
  readonly #tables = new Tables();

  convolution(node: Node, [a, b, bias]: readonly Value[], layouts: Layouts): Value {
    const { type } = node.op;
    const attributes = node.attributes as unknown as ConvAttributes;
    const output = node.outputs[0]!;
    const image = (value: Value) => layouts.to(value, channelsLastLayout);
    const matrix = (value: Value) => layouts.to(value, matrixLayout);
    const kernelOf = (weight: Value) => weight.shape.slice(2).map(fixed);
    if (type === Conv.type) {
      const geometry = geometryOf(a!, output, kernelOf(b!), attributes);
      const result = this.#formsFor(geometry).forward(image(a!), matrix(b!), geometry, bias);
      return layouts.from(result, channelsLastLayout);
    }
    if (type === ConvTranspose.type) {
      const geometry = geometryOf(output, a!, kernelOf(b!), attributes);
      const result = this.#formsFor(geometry).inputGradient(image(a!), matrix(b!), geometry, bias);
      return layouts.from(result, channelsLastLayout);
    }
    const { kernel_shape } = node.attributes as unknown as ConvWeightGradientAttributes;
    const geometry = geometryOf(a!, b!, kernel_shape, attributes);
    const result = this.#formsFor(geometry).weightGradient(image(a!), image(b!), geometry);
    return layouts.from(result, matrixLayout);
  }

  #formsFor(geometry: Geometry): ConvForms {
    const tiling = tilingOf(geometry);
    return tiling ? new ConvByTiles(tiling, this.#tables) : new ConvAsMatmul(this.#tables);
  }

  /** A product with a row of ones. */
  channelReduction({ op }: Node, image: Value): Value {
    const channels = fixed(image.shape[3]);
    const rows = sizeOf(image.shape) / channels;
    const fold = foldOf(rows, channels);
    const folded = reshape(image, [rows / fold, fold * channels]);
    const weight = op.type === ReduceMean.type ? 1 / rows : 1;
    const ones = image.graph.constant(
      tensor('float32', new Float32Array(rows / fold).fill(weight), [1, rows / fold]),
    );
    return reduceSum(reshape(matmul(ones, folded), [fold, channels]), [0]);
  }

  elementwise(node: Node, operands: readonly (Value | undefined)[], layout: Layout): Value {
    const shape = layout.map((axis) => node.outputs[0]!.shape[axis]!);
    const folded = foldChannels(operands, shape, layout);
    return reshape(emitOne(node.op, folded ?? operands, node.attributes), shape);
  }
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
