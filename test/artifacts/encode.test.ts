import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { onnx } from '../../artifacts/onnx/proto.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { neg } from '../../graph-builder/ops/elementwise.ts';
import { identity, reshape, slice } from '../../graph-builder/ops/movement.ts';
import { batchNormTraining } from '../../graph-builder/ops/normalization.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { Tile } from '../../graph-builder/ops/reduction.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { encodeForCpu, floats, int32, int64, runModel } from './onnx-tools.ts';
import { python, pythonLacks } from './python.ts';
import { everyOperator, loopGraph } from './sample-graphs.ts';

const everyFeed = {
  image: floats(
    Array.from({ length: 3 * 144 }, (_, i) => Math.sin(i)),
    [3, 4, 6, 6],
  ),
  batch: floats([1, 2, 3, 4, 5, 6], [2, 3]),
};

describe('encodeModel', () => {
  test('onnxruntime loads and runs every operator with a symbolic batch', async () => {
    const graph = everyOperator();
    const results = await runModel(encodeForCpu(graph), {
      ...everyFeed,
      seed: int32(5),
    });
    for (const { name, value } of graph.outputs) {
      const shape = value.shape.map((dim) => (dim === 'N' ? 3 : dim));
      expect(results[name]!.dims, name).toEqual(shape);
      expect(results[name]!.data.every(Number.isFinite), name).toBe(true);
    }
    expect(results.sliced!.data[0]).toBeCloseTo(Math.sin(3 * 36 + 1), 6);
    expect(results.running!.data).toEqual([1, 3, 6, 4, 9, 15]);
    expect(results.picked!.data).toEqual([4, 5, 6, 1, 2, 3, 4, 5, 6]);
    const [clipLow, clipHigh] = [results.clipLow!.data, results.clipHigh!.data];
    expect([Math.min(...clipLow), Math.max(...clipHigh)].map(Math.fround)).toEqual(
      [0.2, 0.7].map(Math.fround),
    );
  });

  test('a loop reads values of the graph around it, and passes values through', async () => {
    const results = await runModel(encodeForCpu(loopGraph()), {
      K: int64(3),
      w: floats([0, 1, 2, 3], [2, 2]),
      x: floats([1, 1, 1, 1], [2, 2]),
      rate: floats([0.5], []),
    });
    expect(results.w_next!.data).toEqual([3, 4, 5, 6]);
    expect(results.kept_out!.data).toEqual([0.5]);
    expect(results.totals!.data).toEqual([10, 14, 18]);
    expect(results.totals_again!.data).toEqual([10, 14, 18]);
    expect(results.rates!.data).toEqual([0.5, 0.5, 0.5]);
    expect(results.sevens!.data).toEqual([7, 7, 7]);
    expect(results.zeros!.dims).toEqual([3, 2, 2]);
  });

  const lacks = pythonLacks('onnx');
  test.skipIf(lacks !== undefined)(
    `onnx.checker passes the models${lacks ? ` (skipped: ${lacks})` : ''}`,
    () => {
      const program = `
import onnx
for name in ('every.onnx', 'loop.onnx'):
    onnx.checker.check_model(onnx.load(name), full_check=True)
print('checked')`;
      expect(
        python(program, {
          'every.onnx': encodeForCpu(everyOperator()),
          'loop.onnx': encodeForCpu(loopGraph()),
        }),
      ).toBe('checked\n');
    },
  );

  test('the same graph gives the same bytes', () => {
    const metadata = { format: 'ganx.generator' };
    expect(encodeForCpu(everyOperator(), { metadata })).toEqual(encodeForCpu(everyOperator(), { metadata }));
    const graph = compile(loopGraph(), 'cpu');
    expect(encodeModel(graph)).toEqual(encodeModel(graph));
  });

  test('header: opset 18, IR 8, producer and metadata', () => {
    const graph = new Graph('tiny');
    graph.output('y', neg(graph.input('x', 'float32', ['N', 2])));
    const model = onnx.ModelProto.decode(
      encodeModel(graph, { metadata: { b: '2', a: '1' }, producerVersion: '0.1.0' }),
    );
    expect(Number(model.irVersion)).toBe(8);
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([['', 18]]);
    expect([model.producerName, model.producerVersion]).toEqual(['ganx', '0.1.0']);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([
      ['b', '2'],
      ['a', '1'],
    ]);
  });

  test('hides the extents of large tensors behind inputs that need not be fed', async () => {
    const graph = new Graph('views');
    const [rows, columns] = [512, 1024];
    const x = graph.input('x', 'float32', [rows, columns]);
    const body = new Graph('body', graph);
    body.input('iteration', 'int64', []);
    const condition = body.input('condition', 'bool', []);
    const carried = body.input('carried', 'float32', [rows, columns]);
    body.output('condition', identity(condition));
    body.output('next', reshape(neg(reshape(carried, [2, rows * 512])), [rows, columns]));
    graph.output('y', reshape(loop(graph.scalar(3, 'int64'), body, [x])[0]!, [rows * columns]));
    graph.output('corner', reshape(slice(x, { 0: [0, 2], 1: [0, 2] }), [4]));
    const bytes = encodeModel(graph, { hidesExtents: true });
    const { input, initializer } = onnx.ModelProto.decode(bytes).graph!;
    const hidden = input!.map(({ name }) => name).slice(1);
    expect(hidden).toEqual(['int64_[2,262144]', 'int64_[512,1024]', 'int64_[524288]']);
    expect(initializer!.map(({ name }) => name)).toEqual(expect.arrayContaining(hidden));
    const data = Array.from({ length: rows * columns }, (_, i) => i);
    const results = await runModel(bytes, { x: floats(data, [rows, columns]) });
    expect(results.y!.data).toEqual(data.map((each) => -each));
    expect(results.corner!.data).toEqual([0, 1, columns, columns + 1]);
  });

  test('refuses an operator that ONNX lacks, by name and place', () => {
    const graph = new Graph('raw');
    const x = graph.input('x', 'float32', [2, 3, 4]);
    const one = graph.constant(tensor('float32', [1, 1, 1]));
    graph.scope('discriminator/norm', () => {
      graph.output('y', batchNormTraining(x, one, one, 1e-5).y);
    });
    expect(() => encodeModel(graph)).toThrow(
      'BatchNormTraining: is no ONNX operator; the graph must be compiled before encoding (at discriminator/norm)',
    );
  });

  test('refuses a name that is both input and output, and an attribute that is no integer', () => {
    const graph = new Graph('step');
    graph.output('w', neg(graph.input('w', 'float32', [1])));
    expect(() => encodeModel(graph)).toThrow('encode: name "w" must not be both input and output of step');
    const odd = new Graph('odd');
    // Inference refuses it before.
    const unchecked: typeof Tile = { ...Tile, infer: ([x]) => [x!] };
    odd.output('y', emitOne(unchecked, [odd.input('x', 'float32', [2])], { repeats: [1.5] }));
    expect(() => encodeModel(odd)).toThrow('Tile: attribute repeats 1.5 must be an integer');
  });
});
