import { gradients } from '../../../graph-builder/autodiff.ts';
import { emit, Graph } from '../../../graph-builder/graph.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { dropout } from '../../../graph-builder/layers/stochastic.ts';
import { Pass } from '../../../graph-builder/layers/pass.ts';
import { binaryCrossEntropy } from '../../../graph-builder/losses/adversarial.ts';
import { leakyRelu, LeakyReluGradient } from '../../../graph-builder/ops/activation.ts';
import { greater, not } from '../../../graph-builder/ops/comparison.ts';
import { loop } from '../../../graph-builder/ops/control.ts';
import { conv, convTranspose, ConvWeightGradient } from '../../../graph-builder/ops/convolution.ts';
import { BatchNormalizationChannelsLast } from '../../../graph-builder/ops/cuda.ts';
import { Add, add, cast, Clip, clip, exp, mul, where } from '../../../graph-builder/ops/elementwise.ts';
import {
  gather,
  gatherElements,
  gatherND,
  padWith,
  scatterElements,
  scatterND,
} from '../../../graph-builder/ops/indexing.ts';
import { gemm, matmul } from '../../../graph-builder/ops/matmul.ts';
import {
  concat,
  depthToSpace,
  expand,
  identity,
  Pad,
  pad,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from '../../../graph-builder/ops/movement.ts';
import { batchNormalization, batchNormTraining } from '../../../graph-builder/ops/normalization.ts';
import { emitOne } from '../../../graph-builder/ops/op.ts';
import type { OpDef } from '../../../graph-builder/ops/op.ts';
import {
  averagePool,
  globalAveragePool,
  Resize,
  upsampleNearest,
} from '../../../graph-builder/ops/pooling.ts';
import { reduceMean, reduceSum, tile } from '../../../graph-builder/ops/reduction.ts';
import type { DType, Shape } from '../../../graph-builder/types.ts';
import { streamsOf } from './sketch.ts';
import type { Build } from './sketch.ts';

/** Refused while a node is added: the message says where. */
export const placed: readonly (readonly [string, Build])[] = [
  ['LeakyRelu: alpha -0.1 must be in [0, 1]', (s) => leakyRelu(s.x(2), -0.1)],
  ['LeakyRelu: alpha 1.5 must be in [0, 1]', (s) => leakyRelu(s.x(2), 1.5)],
  [
    'LeakyReluGradient: dy and y must have one shape',
    (s) => emitOne(LeakyReluGradient, [s.x(2), s.x(3)], { alpha: 0 }),
  ],
  ['Exp: input is int32, must be float32 or float16 or float64', (s) => exp(s.of('int32', [2]))],
  ['Not: input is float32, must be bool', (s) => not(s.x(2))],
  ['Greater: operand 0 is bool, must be float32', (s) => greater(s.of('bool', [2]), s.of('bool', [2]))],
  ['Add: operand types float32 and int32 must be equal', (s) => add(s.x(2), s.of('int32', [2]))],
  ['Add: shapes [2, 3] and [2, 4] do not broadcast: 3 against 4', (s) => add(s.x(2, 3), s.x(2, 4))],
  ['Add: shapes [N] and [M] do not broadcast: N against M', (s) => add(s.x('N'), s.x('M'))],
  ['Clip: bound [1] must have rank 0', (s) => emitOne(Clip, [s.x(2), s.x(1)], {})],
  ['Clip: bound is int32, must be float32', (s) => emitOne(Clip, [s.x(2), s.of('int32', [])], {})],
  [
    'Where: branch types float32 and float64 must be equal',
    (s) => where(s.of('bool', [2]), s.x(2), s.of('float64', [2])),
  ],
  ['Where: condition is float32, must be bool', (s) => where(s.x(2), s.x(2), s.x(2))],

  [
    'Conv: strides [0, 0] must be 2 integers >= 1',
    (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), { stride: 0 }),
  ],
  [
    'Conv: dilations [1] must be 2 integers >= 1',
    (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), { dilation: [1] }),
  ],
  [
    'Conv: pads [1, 1] must be 4 integers >= 0',
    (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), { pad: [1, 1] }),
  ],
  ['Conv: pads [-1, -1, -1, -1] must be 4', (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), { pad: -1 })],
  ['Conv: group 0.5 must be an integer >= 1', (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), { group: 0.5 })],
  [
    'Conv: input [1, 2, 5, 5] and weight [3, 2, 3] must have one rank >= 3',
    (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3)),
  ],
  ['Conv: weight is float64, must be float32', (s) => conv(s.x(1, 2, 5), s.of('float64', [3, 2, 3]))],
  ['Conv: bias [2] must be [3]', (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), {}, s.x(2))],
  [
    'Conv: input channels 4 must match weight channels 1 x group 2',
    (s) => conv(s.x(1, 4, 5, 5), s.x(4, 1, 3, 3), { group: 2 }),
  ],
  [
    'Conv: output channels 3 must be divisible by group 2',
    (s) => conv(s.x(1, 4, 5, 5), s.x(3, 2, 3, 3), { group: 2 }),
  ],
  [
    'Conv: kernel reach 5 must not exceed the padded extent 4 of axis 3',
    (s) => conv(s.x(1, 2, 5, 4), s.x(3, 2, 3, 3), { dilation: 2 }),
  ],
  ['Conv: extent H must be a fixed number here', (s) => conv(s.x(1, 2, 'H', 4), s.x(3, 2, 3, 3))],
  ['Conv: kernel [0, 3] must be 2 integers >= 1', (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 0, 3))],
  [
    'Conv: bias is int32, must be float32',
    (s) => conv(s.x(1, 2, 5, 5), s.x(3, 2, 3, 3), {}, s.of('int32', [3])),
  ],
  [
    'ConvTranspose: input channels 3 must match weight channels 4',
    (s) => convTranspose(s.x(1, 3, 5, 5), s.x(4, 2, 3, 3)),
  ],
  [
    'ConvTranspose: input channels 3 must be divisible by group 2',
    (s) => convTranspose(s.x(1, 3, 5, 5), s.x(3, 2, 3, 3), { group: 2 }),
  ],
  [
    'ConvTranspose: output_padding 2 must be >= 0 and smaller than stride 2',
    (s) => convTranspose(s.x(1, 3, 5, 5), s.x(3, 2, 3, 3), { stride: 2, dilation: 4, outputPadding: 2 }),
  ],
  [
    'ConvTranspose: output_padding [0.5, 0.5] must be 2 integers >= 0',
    (s) => convTranspose(s.x(1, 3, 5, 5), s.x(3, 2, 3, 3), { stride: 2, outputPadding: 0.5 }),
  ],
  [
    'ConvTranspose: pads leave an extent of 0 on axis 2, must be >= 1',
    (s) => convTranspose(s.x(1, 3, 2), s.x(3, 2, 3), { pad: 2 }),
  ],
  [
    'ConvWeightGradient: batches 2 and 3 must be equal',
    (s) =>
      emitOne(ConvWeightGradient, [s.x(2, 1, 5), s.x(3, 1, 5)], {
        strides: [1],
        dilations: [1],
        pads: [0, 0],
        group: 1,
        kernel_shape: [1],
      }),
  ],

  ['MatMul: operands [2] and [2, 3] must have rank >= 2', (s) => matmul(s.x(2), s.x(2, 3))],
  ['MatMul: inner extents of [2, 3] and [4, 5] must match: 3 against 4', (s) => matmul(s.x(2, 3), s.x(4, 5))],
  [
    'Gemm: inner extents of [2, 3]^T and [4, 5] must match: 2 against 4',
    (s) => gemm(s.x(2, 3), s.x(4, 5), { transA: true }),
  ],
  ['Gemm: a [1, 2, 3] must have rank 2', (s) => gemm(s.x(1, 2, 3), s.x(3, 4))],
  ['Gemm: c is int32, must be float32', (s) => gemm(s.x(2, 2), s.x(2, 2), { c: s.of('int32', [2]) })],
  ['Gemm: c [2, 4] does not broadcast to [1, 4]', (s) => gemm(s.x(1, 5), s.x(5, 4), { c: s.x(2, 4) })],

  [
    'Reshape: shape [2, 3] cannot be viewed as [4, 2]: element counts differ',
    (s) => reshape(s.x(2, 3), [4, 2]),
  ],
  ['Reshape: shape [N, 3] cannot be viewed as [M, 3]', (s) => reshape(s.x('N', 3), ['M', 3])],
  ['Reshape: shape [N, 3] cannot be viewed as [2*N, 3]', (s) => reshape(s.x('N', 3), ['2*N', 3])],
  ['Reshape: extents of [-2, -3] must be integers >= 0', (s) => reshape(s.x(2, 3), [-2, -3])],
  ['Expand: shape [2, 3] does not broadcast to [2, 1]', (s) => expand(s.x(2, 3), [2, 1])],
  ['Transpose: perm [0, 0] must be a permutation of the 2 axes', (s) => transpose(s.x(2, 3), [0, 0])],
  ['Concat: float32[3, 3] does not join float32[2, 3] on axis 1', (s) => concat([s.x(2, 3), s.x(3, 3)], 1)],
  ['Concat: axis 7 must be in [-2, 1]', (s) => concat([s.x(2, 3)], 7)],
  ['Concat: axis 2 must be in [-2, 1]', (s) => concat([s.x(2, 3), s.x(2, 3)], 2)],
  ['Split: split [1, 1] must add up to extent 3 of axis 1', (s) => split(s.x(2, 3), [1, 1], -1)],
  ['Split: extents of [1.5] must be integers >= 0', (s) => split(s.x(3), [1.5, 1.5], 0)],
  ['Slice: axes [0, -1] must not repeat', (s) => slice(s.x(4), { 0: [1, 4], [-1]: [1, 4] })],
  ['Slice: starts [0.5] must be 1 integers', (s) => slice(s.x(4), { 0: [0.5, 3] })],
  ['Slice: ends [Infinity] must be 1 integers', (s) => slice(s.x(4), { 0: [1, Infinity] })],
  ['Slice: step 0 must be a non-zero integer', (s) => slice(s.x(5), { 0: [0, 2, 0] })],
  ['Pad: pads [1, 1] must be 4 integers', (s) => pad(s.x(2, 3), [1, 1])],
  ['Pad: pads [0, 0] must be 4 integers', (s) => pad(s.x(2, 3), [0, 0])],
  ['Pad: pads [0.5, 0.5] must be 2 integers', (s) => pad(s.x(3), [0.5, 0.5])],
  ['Pad: pads -2 and -1 cut more than extent 2 of axis 0', (s) => pad(s.x(2, 3), [-2, 0, -1, 0])],
  ['Pad: pad value [1] must have rank 0', (s) => emitOne(Pad, [s.x(2), undefined, s.x(1)], { pads: [1, 1] })],
  ['Pad: pad value must be a constant', (s) => emitOne(Pad, [s.x(2), undefined, s.x()], { pads: [1, 1] })],
  ['DepthToSpace: blocksize 0 must be an integer >= 1', (s) => depthToSpace(s.x(1, 4, 2, 2), 0)],
  ['DepthToSpace: channels 6 must be divisible by blocksize^2 4', (s) => depthToSpace(s.x(1, 6, 2, 2), 2)],
  ['DepthToSpace: input [4, 2, 2] must have rank 4', (s) => depthToSpace(s.x(4, 2, 2), 2)],
  ['spaceToDepth: extents 4 and 3 must be divisible by blocksize 2', (s) => spaceToDepth(s.x(1, 1, 4, 3), 2)],
  [
    'spaceToDepth: extents H and W must be divisible by blocksize 2',
    (s) => spaceToDepth(s.x('N', 1, 'H', 'W'), 2),
  ],
  ['spaceToDepth: blocksize 1.5 must be an integer >= 1', (s) => spaceToDepth(s.x(1, 1, 3, 3), 1.5)],
  ['spaceToDepth: input [3, 3] must have rank 4', (s) => spaceToDepth(s.x(3, 3), 3)],
  [
    'Cast: element type bf must be one of float32, float16, float64, int32, int64, uint32, uint8, bool',
    (s) => cast(s.x(2), 'bf' as DType),
  ],

  ['Gather: indices is float32, must be int32 or int64', (s) => gather(s.x(3), s.x(2))],
  ['GatherElements: indices [2] must have rank 2', (s) => gatherElements(s.x(2, 3), s.indices(0, 1), 0)],
  [
    'GatherElements: indices [3, 3] must not exceed [2, 2] beside axis 0',
    (s) => gatherElements(s.x(2, 2), s.of('int64', [3, 3]), 0),
  ],
  [
    'ScatterElements: indices [2] must have rank 2',
    (s) => scatterElements(s.x(2, 2), s.indices(0, 1), s.x(2), 0),
  ],
  [
    'ScatterElements: updates is int32, must be float32',
    (s) => scatterElements(s.x(4), s.indices(0, 1), s.of('int32', [2]), 0),
  ],
  [
    'ScatterElements: updates [3] must have the shape of indices [2]',
    (s) => scatterElements(s.x(4), s.indices(0, 1), s.x(3), 0),
  ],
  [
    'ScatterND: updates [1, 3] must have shape [1, 2]',
    (s) => scatterND(s.x(4, 2), s.of('int64', [1, 1]), s.x(1, 3)),
  ],
  [
    'ScatterND: updates is int32, must be float32',
    (s) => scatterND(s.x(4, 2), s.of('int64', [1, 1]), s.of('int32', [1, 2])),
  ],
  [
    'ScatterND: index tuples of 3 must not be longer than rank 1',
    (s) => scatterND(s.x(2), s.of('int64', [1, 3]), s.x(1)),
  ],
  [
    'GatherND: index tuples of 2 must not be longer than rank 1',
    (s) => gatherND(s.x(4), s.of('int64', [3, 2])),
  ],
  [
    'padWith: reflect pads 0 and 3 must be smaller than extent 3 of axis 1',
    (s) => padWith(s.x(2, 3), [0, 0, 0, 3], 'reflect'),
  ],
  ['padWith: pads [1] must be 2 integers', (s) => padWith(s.x(3), [1], 'edge')],
  ['padWith: pads -2 and -2 cut more than extent 3 of axis 0', (s) => padWith(s.x(3), [-2, -2], 'reflect')],
  ['padWith: extent N must be a fixed number here', (s) => padWith(s.x('N', 3), [1, 0, 0, 0], 'edge')],

  [
    'BatchNormTraining: input [3] must have rank >= 2',
    (s) => batchNormTraining(s.x(3), s.x(3), s.x(3), 1e-5),
  ],
  [
    'BatchNormalization: channel vector [2] must be [3], the channels of the input',
    (s) => batchNormalization(s.x(4, 3), s.x(3), s.x(3), s.x(2), s.x(3), 1e-5),
  ],
  [
    'BatchNormTraining: channel vector is int32, must be float32',
    (s) => batchNormTraining(s.x(4, 3), s.of('int32', [3]), s.x(3), 1e-5),
  ],
  [
    'BatchNormalizationChannelsLast: vector [5] must be [4], the channels of the image',
    (s) =>
      emitOne(BatchNormalizationChannelsLast, [s.x(2, 3, 3, 4), s.x(5), s.x(5), s.x(5), s.x(5)], {
        epsilon: 0.5,
      }),
  ],
  [
    'AveragePool: pads [0, 0] must be 4 integers >= 0',
    (s) => averagePool(s.x(1, 1, 4, 4), 2, { pad: [0, 0] }),
  ],
  [
    'AveragePool: pads [-1, -1, -1, -1] must be 4 integers >= 0',
    (s) => averagePool(s.x(1, 1, 5, 5), 2, { pad: -1 }),
  ],
  ['AveragePool: kernel [1.5, 1.5] must be 2 integers >= 1', (s) => averagePool(s.x(1, 1, 5, 5), 1.5)],
  [
    'AveragePool: strides [0, 0] must be 2 integers >= 1',
    (s) => averagePool(s.x(1, 1, 3, 3), 2, { stride: 0 }),
  ],
  ['AveragePool: input [2, 3] must have rank >= 3', (s) => averagePool(s.x(2, 3), 2)],
  [
    'AveragePool: pads [2, 2] must be smaller than kernel [2]',
    (s) => averagePool(s.x(1, 1, 4), 2, { pad: 2 }),
  ],
  [
    'AveragePool: kernel 3 must not exceed the padded extent 2 of axis 3',
    (s) => averagePool(s.x(1, 1, 4, 2), 3),
  ],
  ['GlobalAveragePool: input [1, 2] must have rank >= 3', (s) => globalAveragePool(s.x(1, 2))],
  ['Resize: factors [1, 1, 1.5, 1.5] must be 4 integers >= 1', (s) => upsampleNearest(s.x(1, 1, 2, 2), 1.5)],
  [
    'Resize: scales must be a float32 constant',
    (s) =>
      emitOne(Resize, [s.x(2), undefined, s.x(1)], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
  ],
  ['ReduceSum: axes [] must name at least one axis', (s) => reduceSum(s.x(2), [])],
  ['ReduceSum: axes [0, -2] must not repeat', (s) => reduceSum(s.x(2, 3), [0, -2])],
  ['ReduceMean: axis -3 must be in [-2, 1]', (s) => reduceMean(s.x(2, 3), [-3])],
  ['Tile: repeats [2] must be 2 integers >= 1', (s) => tile(s.x(2, 3), [2])],
  ['Tile: repeats [1.5] must be 1 integers >= 1', (s) => tile(s.x(2), [1.5])],
  ['Tile: repeats [NaN] must be 1 integers >= 1', (s) => tile(s.x(2), [NaN])],

  [
    'Loop: trip count int32[] must be int64[]',
    (s) => loop(s.of('int32', []), body(s.graph, [2], [2]), [s.x(2)]),
  ],
  ['Loop: 0 initial values for 1 carried ones', (s) => loop(s.of('int64', []), body(s.graph, [2], [2]), [])],
  [
    'Loop: initial value float32[3] of "carried" must be float32[2]',
    (s) => loop(s.of('int64', []), body(s.graph, [2], [2]), [s.x(3)]),
  ],
  [
    'Loop: next value float32[1, 2] of "carried" must be float32[2]',
    (s) => loop(s.of('int64', []), body(s.graph, [2], [1, 2]), [s.x(2)]),
  ],
  [
    'Loop: has no gradient: a loop is a training program, not a network',
    (s) => {
      const x = s.x(2);
      return gradients(reduceSum(loop(s.of('int64', []), body(s.graph, [2], [2]), [x])[0]!), [x]);
    },
  ],
  [
    'ReduceMean: has no gradient here: extent N must be a fixed number here',
    (s) => {
      const x = s.x('N', 2);
      return gradients(reduceMean(x), [x]);
    },
  ],
  [
    'Mistaken: its gradient rule gave float32[4] for an input float32[2]',
    (s) => {
      const mistaken: OpDef = {
        ...(Add as unknown as OpDef),
        type: 'Mistaken',
        gradient: ({ dy }) => [() => concat([dy, dy], 0)],
      };
      const x = s.x(2);
      return gradients(reduceSum(emit(mistaken, [x, s.x(2)], {})[0]!), [x]);
    },
  ],

  ['scalar: number 1.5 must be one that int32 holds', (s) => add(s.of('int32', [3]), 1.5)],
  ['scalar: number 1.5 must be one that int64 holds', (s) => add(s.of('int64', [3]), 1.5)],
  ['scalar: number -1 must be one that uint8 holds', (s) => clip(s.of('uint8', [3]), -1, 3)],
  ['scalar: number NaN must be one that int32 holds', (s) => where(s.of('bool', []), s.of('int32', []), NaN)],
  ['random: extent N must be a fixed number here', (s) => streamsOf(s).uniform('z', [2, 'N'])],

  ['pass: a random layer needs a seed', (s) => dropout(passOf(s.graph), 'drop', s.x(2), 0.5)],
  ['dropout: rate 1 must be in [0, 1)', (s) => dropout(passOf(s.graph), 'drop', s.x(2), 1)],
  ['pass: control "std" is not available here', (s) => passOf(s.graph).control('std')],
  [
    'pass: tensor "discriminator/w" must be declared once',
    (s) => {
      const pass = passOf(s.graph);
      pass.parameter('w', [1], zeros);
      pass.parameter('w', [1], zeros);
    },
  ],
  ['pass: tensor "discriminator/w" is missing', (s) => passOf(s.graph, new Map()).parameter('w', [1], zeros)],
  [
    'pass: tensor "discriminator/w" has shape [2], must be [1]',
    (s) => passOf(s.graph, new Map([['discriminator/w', s.x(2)]])).parameter('w', [1], zeros),
  ],
  [
    'binaryCrossEntropy: targets must have the shape of the logits',
    (s) => binaryCrossEntropy(s.x(2), s.x(3)),
  ],
];

const zeros = { kind: 'constant', value: 0 } as const;
function passOf(graph: Graph, values?: ReadonlyMap<string, Value>): Pass {
  return new Pass({ graph, network: 'discriminator', training: true, ...(values ? { values } : {}) });
}

/** A loop body that carries one value and hands on one of shape `next`. */
function body(parent: Graph, carried: Shape, next: readonly number[]): Graph {
  const graph = new Graph('body', parent);
  graph.input('iteration', 'int64', []);
  const condition = graph.input('condition', 'bool', []);
  const value = graph.input('carried', 'float32', carried);
  graph.output('condition', identity(condition));
  graph.output('next', reshape(mul(value, 2), next));
  return graph;
}
