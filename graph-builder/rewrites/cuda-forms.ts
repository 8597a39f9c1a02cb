import type { Graph, Node, Value } from '../graph.ts';
import { LeakyReluGradient, slopeOf } from '../ops/activation.ts';
import type { SlopeAttributes } from '../ops/activation.ts';
import { BatchNormalizationChannelsLast } from '../ops/cuda.ts';
import { Add, add, Mul, mul } from '../ops/elementwise.ts';
import { emitOne } from '../ops/op.ts';
import { sameShape } from '../shape.ts';
import { isFloat, tensor } from '../types.ts';
import { readersOf } from './readers.ts';
import { transform } from './transform.ts';

/** Elementwise operators on CUDA, where each is a pass over memory: as few passes as there are kernels for. */
export function useCudaForms(graph: Graph): Graph {
  const readers = readersOf(graph);
  const isReadOnce = (value: Value) => readers.get(value)?.length === 1;
  return transform(graph, (node, inputs, { copy }) => {
    const result = leakyGradient(node, inputs) ?? channelAffine(node, inputs, isReadOnce);
    return result ? [result] : copy();
  });
}

/** A choice between two numbers, by a comparison of a byte each: five passes and a half, where clipping takes seven. */
function leakyGradient(node: Node, [dy, y]: readonly (Value | undefined)[]): Value | undefined {
  if (node.op.type !== LeakyReluGradient.type) return undefined;
  const { alpha } = node.attributes as unknown as SlopeAttributes;
  return mul(dy!, slopeOf(y!, alpha));
}

/** x a + b with vectors of channels, as a batch norm without statistics: two passes, not four. */
function channelAffine(
  node: Node,
  [sum, offset]: readonly (Value | undefined)[],
  isReadOnce: (value: Value) => boolean,
): Value | undefined {
  if (node.op.type !== Add.type || !sum || !offset || !isVector(offset, sum)) return undefined;
  const before = node.inputs[0]!.node;
  if (!before || !isReadOnce(node.inputs[0]!)) return undefined;
  const scaled = affine(sum, before, offset);
  if (scaled) return scaled;
  if (before.op.type !== Add.type || sum.node?.op.type !== Add.type) return undefined;
  // (rest + x a) + b is rest + (x a + b).
  const [rest, product] = sum.node.inputs;
  const inner = before.inputs[1]!;
  const shifted = inner.node && isReadOnce(inner) ? affine(product!, inner.node, offset) : undefined;
  return shifted && add(rest!, shifted);
}

/** `product` is what came of the node `before`, a Mul, in the new graph. */
function affine(product: Value, before: Node, offset: Value): Value | undefined {
  if (before.op.type !== Mul.type || product.node?.op.type !== Mul.type) return undefined;
  const [x, scale] = product.node.inputs;
  if (x!.rank !== 4 || !isFloat(x!.dtype) || !isVector(scale!, x!) || !isVector(offset, x!)) return undefined;
  const vector = (value: number) => {
    const channels = x!.shape[3] as number;
    return x!.graph.constant(tensor(x!.dtype, new Float32Array(channels).fill(value), [channels]));
  };
  // A mean of 0 and a deviation of exactly 1.
  return emitOne(BatchNormalizationChannelsLast, [x!, scale!, offset, vector(0), vector(0.5)], {
    epsilon: 0.5,
  });
}

const isVector = (value: Value, image: Value): boolean =>
  image.rank === 4 && sameShape(value.shape, [image.shape[3]!]) && typeof image.shape[3] === 'number';
