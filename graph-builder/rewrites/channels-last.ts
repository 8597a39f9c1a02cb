import type { Graph, Node, Value } from '../graph.ts';
import { emitOne } from '../ops/op.ts';
import type { ConvAttributes } from '../ops/convolution.ts';
import { Conv, ConvTranspose, ConvWeightGradient } from '../ops/convolution.ts';
import { reshape } from '../ops/movement.ts';
import type { ReductionAttributes } from '../ops/reduction.ts';
import { ReduceMean, ReduceSum, SumInFloat32 } from '../ops/reduction.ts';
import { normalizeAxes, sameShape } from '../shape.ts';
import type { DType } from '../types.ts';
import { channelsLastLayout, Layouts } from './layout.ts';
import type { Layout } from './layout.ts';
import { transform } from './transform.ts';

/** How a device computes images that are laid out channels-last. */
export interface ImageForms {
  /** Element types of the images that it computes. */
  readonly dtypes: readonly DType[];
  /** One of the three convolutions, 2-D, ungrouped and of known size. */
  convolution(node: Node, inputs: readonly Value[], layouts: Layouts): Value;
  /** Sum or mean over all but the channels: image [N, H, W, C] -> [C] */
  channelReduction(node: Node, image: Value): Value;
  /**
   * An elementwise operator on operands laid out alike; a vector of channels may be among them as [1, 1, 1, C].
   *
   * @param layout of the result
   */
  elementwise(node: Node, operands: readonly (Value | undefined)[], layout: Layout): Value;
}

/**
 * Lays a training graph out with images as [N, H, W, C]. Elementwise operators follow the layout of their operands, so
 * between the two ends of a network nothing is transposed.
 *
 * Every value keeps its plain form beside the stored one; what nobody reads is removed by the passes that follow.
 */
export function channelsLast(graph: Graph, forms: ImageForms): Graph {
  const layouts = new Layouts();
  return transform(graph, (node, inputs, { copy }) => {
    const values = inputs as readonly Value[];
    const result =
      convolution(node, values, layouts, forms) ??
      channelReduction(node, values, layouts, forms) ??
      fullReduction(node, values, layouts) ??
      elementwise(node, inputs, layouts, forms);
    return result ? [result] : copy();
  });
}

const convolutions: readonly string[] = [Conv.type, ConvTranspose.type, ConvWeightGradient.type];

function convolution(
  node: Node,
  inputs: readonly Value[],
  layouts: Layouts,
  forms: ImageForms,
): Value | undefined {
  if (!convolutions.includes(node.op.type)) return undefined;
  const { group } = node.attributes as unknown as ConvAttributes;
  const known = inputs
    .slice(0, 2)
    .every(
      (value) => forms.dtypes.includes(value.dtype) && value.shape.every((dim) => typeof dim === 'number'),
    );
  return known && inputs[0]!.rank === 4 && group === 1 ? forms.convolution(node, inputs, layouts) : undefined;
}

const reductions: readonly string[] = [ReduceSum.type, ReduceMean.type, SumInFloat32.type];

/** Sum or mean over all but the channels, the reduction of batch norms and biases. */
function channelReduction(
  node: Node,
  [x]: readonly Value[],
  layouts: Layouts,
  forms: ImageForms,
): Value | undefined {
  if (!reductions.includes(node.op.type) || x!.rank !== 4 || !forms.dtypes.includes(x!.dtype))
    return undefined;
  const { axes } = node.attributes as unknown as ReductionAttributes;
  const isKnown = x!.shape.every((dim) => typeof dim === 'number');
  if (!isKnown || !axes || String(normalizeAxes(axes, 4)) !== '0,2,3') return undefined;
  const sums = forms.channelReduction(node, layouts.to(x!, channelsLastLayout));
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
  forms: ImageForms,
): Value | undefined {
  const output = node.outputs[0]!;
  if (!node.op.elementwise || output.rank !== 4) return undefined;
  const full = inputs.filter((input) => input && sameShape(input.shape, output.shape));
  const layout = full.map((input) => input && layouts.of(input)).find((known) => known !== undefined);
  if (!layout) return undefined;
  const operands = inputs.map((input) => {
    if (!input || input.shape.every((dim) => dim === 1)) return input;
    return sameShape(input.shape, output.shape) ? layouts.to(input, layout) : permuteBroadcast(input, layout);
  });
  return layouts.from(forms.elementwise(node, operands, layout), layout);
}

/** A broadcast operand such as [1, C, 1, 1] in the axes of `layout`. */
function permuteBroadcast(input: Value, layout: Layout): Value {
  const aligned = [...Array.from({ length: layout.length - input.rank }, () => 1), ...input.shape];
  const permuted = layout.map((axis) => aligned[axis]!);
  // With one axis that is not 1 the order of the elements does not change.
  if (aligned.filter((dim) => dim !== 1).length <= 1) return reshape(input, permuted);
  return new Layouts().to(reshape(input, aligned), layout);
}
