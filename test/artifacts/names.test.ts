import type { onnx as types } from 'onnx-proto';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { add, mul, neg } from '../../graph-builder/ops/elementwise.ts';
import { reshape, split } from '../../graph-builder/ops/movement.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { loopGraph } from './sample-graphs.ts';

describe('names', () => {
  const decoded = (graph: Graph) =>
    onnx.ModelProto.decode(encodeModel(graph)).graph as Required<types.IGraphProto> & {
      node: types.INodeProto[];
    };

  test('nodes bear scope and type, outputs their declared name without a copy', () => {
    const graph = new Graph('names');
    const x = graph.input('x', 'float32', [4]);
    const y = graph.scope('generator', () => graph.scope('block2', () => mul(mul(mul(x, 0.1), 2), 3)));
    y.name = 'activation';
    const [first] = split(y, [1, 3], 0);
    graph.output('images', y);
    graph.output('first', first!);
    const { node, output, initializer } = decoded(graph);
    expect(node.map(({ name }) => name)).toEqual([
      'generator/block2/Mul',
      'generator/block2/Mul_1',
      'generator/block2/Mul_2',
      'Split',
    ]);
    expect(node.map((n) => n.output)).toEqual([
      ['generator/block2/Mul'],
      ['generator/block2/Mul_1'],
      ['images'],
      ['first', 'Split:1'],
    ]);
    expect(output!.map(({ name }) => name)).toEqual(['images', 'first']);
    expect(initializer!.map(({ name }) => name)).toEqual([
      'float32_0.1',
      'float32_2',
      'float32_3',
      'int64_[1,3]',
    ]);
  });

  test('Identity only for an output that is an input, a constant or served twice', () => {
    const graph = new Graph('copies');
    const x = graph.input('x', 'float32', [2]);
    const y = neg(x);
    graph.output('input', x);
    graph.output('constant', graph.scalar(1));
    graph.output('once', y);
    graph.output('twice', y);
    const { node } = decoded(graph);
    expect(node.map((n) => [n.opType, n.input![0], n.output![0]])).toEqual([
      ['Neg', 'x', 'once'],
      ['Identity', 'x', 'input'],
      ['Identity', 'float32_1', 'constant'],
      ['Identity', 'once', 'twice'],
    ]);
  });

  test('equal constants are stored once, named ones under each name, little endian', () => {
    const graph = new Graph('constants');
    const x = graph.input('x', 'float32', [2]);
    const pair = () => tensor('float32', [1, -2]);
    const sum = [
      graph.constant(pair()),
      graph.constant(pair()),
      graph.constant(pair(), 'weight'),
      graph.constant(pair(), 'bias'),
    ].reduce<Value>((a, b) => add(a, b), x);
    graph.output('y', reshape(sum, [2, 1]));
    const { initializer } = decoded(graph);
    expect(initializer!.map(({ name }) => name)).toEqual(['float32_[1,-2]', 'weight', 'bias', 'int64_[2,1]']);
    expect([...initializer![3]!.rawData!]).toEqual([2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('no name of a loop body repeats one of the graph around it', () => {
    const graph = decoded(compile(loopGraph(), 'cpu'));
    const body = graph.node.find((n) => n.opType === 'Loop')!.attribute![0]!.g!;
    const defined = (g: typeof body) => [
      ...g.input!.map(({ name }) => name),
      ...g.initializer!.map(({ name }) => name),
      ...g.node!.flatMap((n) => n.output!),
    ];
    const names = [...defined(graph), ...defined(body)];
    expect(new Set(names).size).toBe(names.length);
    expect(body.input!.map(({ name }) => name)).toEqual(['iteration', 'condition', 'w_1']);
    expect(body.output!.map(({ name }) => name)).toContain('condition');
  });

  test('value infos carry symbols as dim_param', () => {
    const graph = new Graph('symbols');
    graph.output('y', neg(graph.input('z', 'float32', ['N', 8])));
    const { input, output } = decoded(graph);
    for (const info of [input![0]!, output![0]!])
      expect(
        info.type!.tensorType!.shape!.dim!.map((dim) => (dim.dimParam === 'N' ? 'N' : Number(dim.dimValue))),
      ).toEqual(['N', 8]);
  });
});
