import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { leakyRelu } from '../../graph-builder/ops/activation.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { conv, convTranspose } from '../../graph-builder/ops/convolution.ts';
import { add, cast, clip, mul } from '../../graph-builder/ops/elementwise.ts';
import { gather, scatterND } from '../../graph-builder/ops/indexing.ts';
import { gemm } from '../../graph-builder/ops/matmul.ts';
import {
  depthToSpace,
  pad,
  reshape,
  slice,
  split,
  transpose,
  zerosLike,
} from '../../graph-builder/ops/movement.ts';
import { batchNormTraining, softmax } from '../../graph-builder/ops/normalization.ts';
import { averagePool, globalAveragePool, upsampleNearest } from '../../graph-builder/ops/pooling.ts';
import { cumSum, reduceMean, reduceSum, tile } from '../../graph-builder/ops/reduction.ts';
import { RandomStreams } from '../../graph-builder/random.ts';
import { tensor } from '../../graph-builder/types.ts';

/** One graph of most operators: image [N, 4, 6, 6] with a symbolic batch. */
export function everyOperator(): Graph {
  const graph = new Graph('every-operator');
  const image = graph.input('image', 'float32', ['N', 4, 6, 6]);
  const fixedBatch = graph.input('batch', 'float32', [2, 3]);
  const ones = (...shape: number[]) =>
    graph.constant(
      tensor(
        'float32',
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (i % 7) / 7),
        shape,
      ),
    );
  const outputs: Record<string, Value> = {
    conv: leakyRelu(conv(image, ones(2, 4, 3, 3), { pad: 1, stride: 2 }, ones(2)), 0.1),
    deconv: convTranspose(image, ones(4, 2, 4, 4), { stride: 2, pad: 1 }),
    gemm: gemm(fixedBatch, ones(4, 3), { c: ones(4), alpha: 0.5, beta: 2, transB: true }),
    sum: reduceSum(image),
    mean: reduceMean(image, [1, -1], true),
    clipLow: clip(image, 0.2),
    clipHigh: clip(image, undefined, 0.7),
    padded: pad(image, [0, 0, 1, 2, 0, 0, -1, 0], 3),
    sliced: slice(image, { 1: [-1, -5, -2], 3: [1, 4] }),
    resized: upsampleNearest(image, 2),
    part: split(image, [1, 3], 1)[1]!,
    pooled: averagePool(image, 3, { stride: 2, pad: 1, countIncludePad: true }),
    pooledInside: averagePool(image, 3, { stride: 2, pad: 1 }),
    global: globalAveragePool(image),
    shuffled: depthToSpace(image, 2),
    transposed: transpose(image, [2, 0, 3, 1]),
    flat: reshape(image, ['N', 4 * 36]),
    softmax: softmax(fixedBatch),
    running: cumSum(fixedBatch, 1),
    tiled: tile(fixedBatch, [1, 2]),
    picked: gather(fixedBatch, graph.constant(tensor('int32', [1, 0, 1])), 0),
    scattered: scatterND(fixedBatch, graph.constant(tensor('int32', [1], [1, 1])), ones(1, 3), 'add'),
    normalised: batchNormTraining(reshape(fixedBatch, [2, 3, 1]), ones(3), ones(3), 1e-5).y,
    half: cast(cast(image, 'float16'), 'float32'),
    noise: RandomStreams.of(graph, graph.input('seed', 'int32', []), graph.scalar(0, 'int32')).normal('z', [
      'N',
      3,
    ]),
  };
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  return graph;
}

/** K steps of w := w + rate * x, x from outside the loop; stacks the sum and returns one carried value untouched. */
export function loopGraph(): Graph {
  const graph = new Graph('training');
  const trips = graph.input('K', 'int64', []);
  const w = graph.input('w', 'float32', ['N', 2]);
  const x = graph.input('x', 'float32', ['N', 2]);
  const rate = graph.input('rate', 'float32', []);
  const doubled = mul(x, 2);

  const body = new Graph('step', graph);
  body.input('iteration', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const current = body.input('w', 'float32', ['N', 2]);
  const kept = body.input('kept', 'float32', []);
  const next = body.scope('update', () => add(current, mul(doubled, rate)));
  body.output('condition', condition);
  body.output('w', next);
  body.output('kept', kept);
  body.output('total', reduceSum(next));
  body.output('totalAgain', reduceSum(next));
  body.output('outside', rate);
  body.output('constant', body.scalar(7));
  body.output('zeros', zerosLike(body.scalar(0), ['N', 2]));

  const [final, keptOut, ...stacked] = loop(trips, body, [w, rate]);
  graph.output('w_next', final!);
  graph.output('kept_out', keptOut!);
  ['totals', 'totals_again', 'rates', 'sevens', 'zeros'].forEach((name, i) => {
    graph.output(name, stacked[i]!);
  });
  return graph;
}
