import { Graph } from '../../../graph-builder/graph.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { Conv, ConvTranspose } from '../../../graph-builder/ops/convolution.ts';
import {
  BatchNormalizationChannelsLast,
  ConvChannelsLast,
  ConvTransposeChannelsLast,
  GatherOrZero,
} from '../../../graph-builder/ops/cuda.ts';
import { abs, add, cast, mul, sub } from '../../../graph-builder/ops/elementwise.ts';
import { gather } from '../../../graph-builder/ops/indexing.ts';
import { Gemm } from '../../../graph-builder/ops/matmul.ts';
import { concat, reshape, transpose } from '../../../graph-builder/ops/movement.ts';
import { emitOne } from '../../../graph-builder/ops/op.ts';
import type { OpDef } from '../../../graph-builder/ops/op.ts';
import { reduceMean, reduceSum } from '../../../graph-builder/ops/reduction.ts';
import { channelSums } from '../../../graph-builder/rewrites/channels-last-on-cuda.ts';
import { isFloat, tensor } from '../../../graph-builder/types.ts';

/** [N, C, H, W], [O, C, h, w], of extents by which no two layouts are taken for each other. */
export const ownOperatorInputs = { x: [2, 8, 6, 10], w: [16, 8, 4, 4] } as const;

/**
 * What graphs for CUDA rely on against ONNX's own, on the inputs above: `differences` [6] are the mean ones of the
 * operators that only CUDA's provider has, Conv, ConvTranspose, the affine batch norm and Gather, of sums of channels as
 * products, and of a product with a bias. No operand that learns is constant, as in training.
 *
 * @param dtype in which they compute; ONNX's compute in float32
 */
export function ownOperatorsGraph(dtype: 'float32' | 'float16' = 'float32'): Graph {
  const graph = new Graph('own operators');
  const x = graph.input('x', 'float32', ownOperatorInputs.x);
  const w = graph.input('w', 'float32', ownOperatorInputs.w);
  const own = <A extends object>(op: OpDef<A>, operands: readonly Value[], attributes: NoInfer<A>) => {
    const typed = operands.map((operand) => (isFloat(operand.dtype) ? cast(operand, dtype) : operand));
    return cast(emitOne(op, typed, attributes), 'float32');
  };
  const toLast = (image: Value) => transpose(image, [0, 2, 3, 1]);
  const image = toLast(x);
  const differences: Value[] = [];
  const compare = (ours: Value, right: Value) => {
    differences.push(reshape(reduceMean(abs(sub(ours, right))), [1]));
  };

  const attributes = { strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1], group: 1 };
  const y = emitOne(Conv, [x, w], attributes);
  compare(own(ConvChannelsLast, [image, w], attributes), toLast(y));

  const back = { ...attributes, output_padding: [0, 0] };
  compare(own(ConvTransposeChannelsLast, [toLast(y), w], back), toLast(emitOne(ConvTranspose, [y, w], back)));

  const vector = (first: number, length = 8) =>
    gather(reshape(w, [2048]), constantRows(graph, first, length), 0);
  const [scale, offset] = [vector(0), vector(8)];
  const fill = (value: number) => graph.constant(tensor('float32', new Float32Array(8).fill(value)));
  const operands = [image, scale, offset, fill(0), fill(0.5)];
  compare(own(BatchNormalizationChannelsLast, operands, { epsilon: 0.5 }), add(mul(image, scale), offset));

  const rows = reshape(image, [120, 8]);
  const zeros = graph.constant(tensor('float32', new Float32Array(16), [2, 8]));
  const places = graph.constant(tensor('int32', [119, 120, 0, 2 ** 30]));
  const there = gather(rows, graph.constant(tensor('int32', [119, 0])), 0);
  const expected = gather(concat([there, zeros], 0), graph.constant(tensor('int32', [0, 2, 1, 3])), 0);
  compare(own(GatherOrZero, [rows, places], { axis: 0 }), expected);

  // Of so many rows, all different, that they are several products.
  const factors = reshape(vector(0, 32), [32, 1, 1]);
  const many = reshape(abs(mul(reshape(image, [1, 120, 8]), factors)), [32, 12, 10, 8]);
  const scaled = (sums: Value) => mul(sums, 2 ** -8);
  compare(scaled(channelSums(cast(many, dtype))), scaled(reduceSum(many, [0, 1, 2])));

  const product = [reshape(image, [15, 64]), reshape(w, [32, 64]), vector(0, 32)];
  const transposed = { transA: false, transB: true };
  compare(own(Gemm, product, transposed), emitOne(Gemm, product, transposed));

  graph.output('differences', concat(differences, 0));
  return graph;
}

const constantRows = (graph: Graph, first: number, count: number): Value =>
  graph.constant(
    tensor(
      'int32',
      Int32Array.from({ length: count }, (_, i) => first + i),
    ),
  );
