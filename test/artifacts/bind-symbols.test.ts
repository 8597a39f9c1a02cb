import { describe, expect, test } from 'vitest';
import { bindSymbols } from '../../artifacts/onnx/bind-symbols.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { add, div } from '../../graph-builder/ops/elementwise.ts';
import { expand, reshape, zerosLike } from '../../graph-builder/ops/movement.ts';
import { print } from '../../graph-builder/print.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { floats, runModel } from './onnx-tools.ts';
import { loopGraph } from './sample-graphs.ts';

describe('bindSymbols', () => {
  test('a graph without symbolic shapes stays as it is', () => {
    const graph = new Graph('plain');
    graph.output('y', reshape(graph.input('x', 'float32', [4]), [2, 2]));
    expect(bindSymbols(graph)).toBe(graph);
  });

  test('Reshape takes -1 for one symbol, 0 for several that stay in place', async () => {
    const graph = new Graph('reshape');
    const x = graph.input('x', 'float32', ['N', 'M', 4]);
    graph.output('kept', reshape(x, ['N', 'M', 2, 2]));
    graph.output('swapped', reshape(x, ['M', 'N', 4]));
    graph.output('rows', reshape(graph.input('v', 'float32', ['N', 6]), [2, 'N', 3]));
    const bytes = encodeModel(graph);
    const { initializer } = onnx.ModelProto.decode(bytes).graph!;
    expect(initializer!.map(({ name }) => name)).toEqual(['int64_[0,0,2,2]', 'int64_[4]', 'int64_[2,-1,3]']);
    const results = await runModel(bytes, {
      x: floats(
        Array.from({ length: 24 }, (_, i) => i),
        [2, 3, 4],
      ),
      v: floats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [2, 6]),
    });
    expect(results.kept!.dims).toEqual([2, 3, 2, 2]);
    expect(results.swapped!.dims).toEqual([3, 2, 4]);
    expect(results.rows!.dims).toEqual([2, 2, 3]);
  });

  test('axes that become one have a product of symbols, and part again', async () => {
    const graph = new Graph('joined');
    const x = graph.input('x', 'float32', ['N', 2, 3]);
    const joined = reshape(x, ['2*N', 3]);
    const zeros = div(zerosLike(joined), 2);
    graph.output('parted', reshape(add(joined, zeros), ['N', 2, 3]));
    const { parted } = await runModel(encodeModel(graph), {
      x: floats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [2, 2, 3]),
    });
    expect(parted!.dims).toEqual([2, 2, 3]);
    expect(parted!.data).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  test('Expand keeps an extent the input has, else reads it off a graph input, once', async () => {
    const graph = new Graph('expand');
    const x = graph.input('x', 'float32', ['N', 1]);
    const table = graph.input('table', 'float32', [1, 3]);
    graph.output('wide', expand(x, ['N', 3]));
    graph.output('tall', expand(table, ['N', 3]));
    graph.output('zeros', div(zerosLike(graph.scalar(1), ['N', 3]), 2));
    graph.output('vector', expand(graph.scalar(2), ['N']));
    const text = print(bindSymbols(graph));
    expect(text.match(/Shape\(/g)).toHaveLength(1);
    expect(text.match(/Concat\(/g)).toHaveLength(1);
    const results = await runModel(encodeModel(graph), {
      x: floats([1, 2], [2, 1]),
      table: floats([3, 4, 5], [1, 3]),
    });
    expect(results.wide!.data).toEqual([1, 1, 1, 2, 2, 2]);
    expect(results.tall!.data).toEqual([3, 4, 5, 3, 4, 5]);
    expect(results.zeros!.data).toEqual([0, 0, 0, 0, 0, 0]);
    expect(results.vector!.data).toEqual([2, 2]);
  });

  test('in a loop body the shape is built once, outside', () => {
    const bound = print(bindSymbols(compile(loopGraph(), 'cpu')));
    expect(bound).toMatch(/\n {2}\S+ int64\[1\] = Shape\(w\)/);
  });

  test('refuses a symbol that nothing binds', () => {
    const graph = new Graph('free');
    graph.output('y', zerosLike(graph.scalar(0), ['N', 2]));
    expect(() => encodeModel(graph)).toThrow(
      'Expand: symbol N of shape [N, 2] must be an extent of an input',
    );
  });
});
