import type { Node, Value } from '../graph.ts';
import type {
  ConvAttributes,
  ConvTransposeAttributes,
  ConvWeightGradientAttributes,
} from '../ops/convolution.ts';
import { Conv, ConvTranspose } from '../ops/convolution.ts';
import { ConvChannelsLast, ConvTransposeChannelsLast } from '../ops/cuda.ts';
import { add, cast, mul } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { expand, reshape } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { reduceSum, SumInFloat32 } from '../ops/reduction.ts';
import { fixed, sizeOf } from '../shape.ts';
import { tensor } from '../types.ts';
import type { ImageForms } from './channels-last.ts';
import { geometryOf } from './conv-geometry.ts';
import type { Geometry } from './conv-geometry.ts';
import { ConvOnCuda, hasSubPixels, isNarrow } from './conv-on-cuda.ts';
import { isFolded } from './folded.ts';
import { channelsLastLayout } from './layout.ts';
import type { Layout, Layouts } from './layout.ts';

/**
 * onnxruntime's CUDA kernels. cuDNN's tensor cores work on channels-last images anyway, and transpose what comes
 * otherwise; sums over rows of channels are 20 times as fast as cuDNN's over planes. What cuDNN has no operator for
 * (the weight gradient) or no fast kernel (images of three channels) is a matrix product, or a convolution whose
 * channels are those of several pixels.
 */
export class CudaForms implements ImageForms {
  readonly dtypes = ['float32', 'float16'] as const;
  readonly #products = new ConvOnCuda();

  convolution(node: Node, [a, b, bias]: readonly Value[], layouts: Layouts): Value {
    const { type } = node.op;
    const output = node.outputs[0]!;
    const image = (value: Value) => layouts.to(value, channelsLastLayout);
    const kernelOf = (weight: Value) => weight.shape.slice(2).map(fixed);
    if (type === Conv.type) {
      const attributes = node.attributes as unknown as ConvAttributes;
      const geometry = geometryOf(a!, output, kernelOf(b!), attributes);
      // An image that is constant makes the provider take weights for constant too.
      if (isNarrow(geometry) || isFolded(a!) || !isPlain(attributes))
        return layouts.from(this.#products.forward(image(a!), b!, geometry, bias), channelsLastLayout);
      const result = emitOne(ConvChannelsLast, [image(a!), b], attributes);
      return layouts.from(bias ? add(result, bias) : result, channelsLastLayout);
    }
    if (type === ConvTranspose.type) {
      const attributes = node.attributes as unknown as ConvTransposeAttributes;
      const geometry = geometryOf(output, a!, kernelOf(b!), attributes);
      const result = this.#inputGradient(image(a!), b!, geometry, attributes);
      return layouts.from(bias ? add(result, bias) : result, channelsLastLayout);
    }
    const attributes = node.attributes as unknown as ConvWeightGradientAttributes;
    const geometry = geometryOf(a!, b!, attributes.kernel_shape, attributes);
    return this.#products.weightGradient(image(a!), image(b!), geometry);
  }

  #inputGradient(y: Value, w: Value, geometry: Geometry, attributes: ConvTransposeAttributes): Value {
    if (!isNarrow(geometry) && isPlain(attributes))
      return emitOne(ConvTransposeChannelsLast, [y, w], attributes);
    // Sub-pixels are a convolution of the provider, so not those of a constant image either.
    return hasSubPixels(geometry) && !isFolded(y)
      ? this.#products.inputGradientBySubPixels(y, w, geometry)
      : this.#products.inputGradient(y, w, geometry);
  }

  /** Over leading axes it is one sum over rows. */
  channelReduction({ op }: Node, image: Value): Value {
    return op.type === SumInFloat32.type
      ? channelSums(image)
      : emitOne(op, [image], { axes: [0, 1, 2], keepdims: false });
  }

  /** A vector of channels meets the last axis as it is. */
  elementwise(
    { op, attributes, outputs }: Node,
    operands: readonly (Value | undefined)[],
    layout: Layout,
  ): Value {
    const isImage = layout.slice(0, 3).some((axis) => outputs[0]!.shape[axis] !== 1);
    const bare = operands.map((operand) => {
      const isVector = operand?.rank === 4 && operand.shape.slice(0, 3).every((extent) => extent === 1);
      return isImage && isVector ? reshape(operand, [operand.shape[3]!]) : operand;
    });
    return emitOne(op, bare, attributes);
  }
}

/** Rows of an image in a list whose sum is a product of its own, at most. */
const mostRows = 1024;

/**
 * Sums of the channels of an image, of halves as a rule, [N, H, W, C] -> [C] in float32, in one pass over the halves:
 * products of lists of rows with a vector, which are added up in float32, and then the sum of all lists. What is stored
 * between the two is a half, so the vector is of a power of two that makes it no larger than the largest number of its
 * list. The provider's own kernel for sums of halves lets blocks of rows be added up as halves, and overflow.
 */
export function channelSums(image: Value): Value {
  const channels = fixed(image.shape[3]);
  const rows = sizeOf(image.shape) / channels;
  let lists = Math.ceil(rows / mostRows);
  while (rows % lists) lists++;
  const length = rows / lists;
  const scale = 2 ** Math.ceil(Math.log2(length));
  const vector = tensor(image.dtype, Array<number>(length).fill(1 / scale), [1, 1, length]);
  // One for each list, which onnxruntime makes when it loads the model: of a vector that they share, its kernel would
  // take a table of addresses from the host for every product.
  const vectors = expand(image.graph.constant(vector), [lists, 1, length]);
  const means = matmul(vectors, reshape(image, [lists, length, channels]));
  return mul(reduceSum(cast(means, 'float32'), [0, 1]), scale);
}

/** What the provider's operators were seen to compute on a GPU: the same pads on both sides, and nothing beyond them. */
const isPlain = ({ pads, output_padding = [] }: ConvAttributes & Partial<ConvTransposeAttributes>): boolean =>
  pads.slice(0, 2).every((pad, axis) => pad === pads[axis + 2]) &&
  output_padding.every((extra) => extra === 0);
