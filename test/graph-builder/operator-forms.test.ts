import { describe, expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { greater } from '../../graph-builder/ops/comparison.ts';
import { cast, mul, where } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { slice } from '../../graph-builder/ops/movement.ts';
import { gatherByElement } from '../../graph-builder/rewrites/gather-by-element.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { useWebgpuForms } from '../../graph-builder/rewrites/webgpu-forms.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { evaluate, feedsOf, types } from './model.ts';

// The rewrites that give an operator another form on one kind of device, with the same bits.

describe('gatherByElement', () => {
  test('reads narrow rows element by element, from either end; wide ones and other axes as before', async () => {
    const graph = new Graph('rows');
    const indices = graph.constant(tensor('int32', [3, 0, -1, 3, 2, -4], [2, 3]));
    for (const [name, shape, axis] of [
      ['table', [4], 0],
      ['narrow', [4, 2, 2], 0],
      ['wide', [4, 5], 0],
      ['columns', [2, 4], 1],
    ] as const)
      graph.output(`of ${name}`, gather(graph.input(name, 'float32', shape), indices, axis));
    const result = gatherByElement(graph);
    verify(result);
    const gathers = types(result).filter((type) => type.startsWith('Gather'));
    expect(gathers).toEqual(['GatherElements', 'GatherElements', 'Gather', 'Gather']);
    const feeds = feedsOf(graph);
    expect(await evaluate(result, feeds)).toEqual(await evaluate(graph, feeds));
  });

  test('is for the CPU, and for extents that are known', () => {
    const graph = new Graph('target');
    const table = graph.constant(tensor('float32', [1, 2, 3, 4]));
    graph.output('known', gather(table, graph.input('indices', 'int32', [9])));
    graph.output('any number', gather(table, graph.input('any', 'int32', ['n'])));
    expect(types(compile(graph, 'cpu'))).toEqual(['GatherElements', 'Gather']);
    expect(types(compile(graph, 'portable'))).toEqual(['Gather', 'Gather']);
  });
});

describe('useWebgpuForms', () => {
  test('gathers what it would cut from integers, from either end and in steps; floats stay slices', async () => {
    const graph = new Graph('cut');
    const x = graph.input('x', 'float32', [5, 6]);
    const ranges = { 0: [1, 4], 1: [4, -7, -2] } as const;
    graph.output('integers', cast(slice(cast(mul(x, 1000), 'int32'), ranges), 'float32'));
    graph.output('floats', slice(x, ranges));
    const result = useWebgpuForms(graph);
    verify(result);
    expect(types(result)).toEqual(['Mul', 'Cast', 'Gather', 'Gather', 'Cast', 'Slice']);
    const feeds = feedsOf(graph);
    expect(await evaluate(result, feeds)).toEqual(await evaluate(graph, feeds));
  });

  test('chooses between whole samples by rows; between elements, or with a number, as before', async () => {
    const graph = new Graph('choice');
    const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', [3, 2, 4, 4])) as [Value, Value];
    const samples = greater(graph.input('mask', 'float32', [3, 1, 1, 1]), 0);
    graph.output('samples', where(samples, a, b));
    graph.output('number', where(samples, a, 0));
    graph.output('elements', where(greater(a, b), a, b));
    const result = useWebgpuForms(graph);
    verify(result);
    const conditions = result.nodes.filter(({ op }) => op.type === 'Where').map(({ inputs }) => inputs[0]!);
    expect(conditions.map(({ shape }) => shape)).toEqual([
      [3, 1],
      [3, 1, 1, 1],
      [3, 2, 4, 4],
    ]);
    const feeds = feedsOf(graph);
    expect(await evaluate(result, feeds)).toEqual(await evaluate(graph, feeds));
  });

  test('is part of what runs everywhere, and of nothing that is made for the CPU', () => {
    const graph = new Graph('target');
    const x = graph.input('x', 'int32', [4]);
    graph.output('y', slice(x, { 0: [0, 2] }));
    expect(types(compile(graph, 'portable'))).toEqual(['Gather']);
    expect(types(compile(graph, 'cpu'))).toEqual(['Slice']);
  });
});
