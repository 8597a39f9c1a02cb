import { expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import type { Node } from '../../graph-builder/graph.ts';
import { greater } from '../../graph-builder/ops/comparison.ts';
import { clip, where } from '../../graph-builder/ops/elementwise.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { mixedPrecision } from '../../graph-builder/rewrites/mixed-precision.ts';
import type { DType } from '../../graph-builder/types.ts';
import { dcgan, randomRecipe } from '../parity/recipes.ts';
import { everyTechnique, smallProgram } from '../training/every-technique.ts';

// A node whose types the CUDA provider has no kernel for is left to the CPU, and takes its tensors there and back.

const floats: readonly DType[] = ['float16', 'float32', 'float64'];
const numbers: readonly DType[] = [...floats, 'int32', 'int64', 'uint32'];
const all: readonly DType[] = [...numbers, 'uint8', 'bool'];
const bools: readonly DType[] = ['bool'];
const indices: readonly DType[] = ['int32', 'int64'];

type Operands = readonly (readonly DType[])[];
const each = (operands: Operands, ...operators: readonly string[]) =>
  operators.map((operator) => [operator, operands] as const);

/**
 * Element types of operands, the last for all that follow, for which onnxruntime registers kernels of CUDA in opset 21:
 * its docs/OperatorKernels.md.
 */
const kernels = new Map<string, Operands>([
  ...each([numbers], 'Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Greater', 'GreaterOrEqual', 'Less'),
  ...each([[...numbers, 'bool']], 'Equal'),
  ...each([[...floats, 'int32', 'int64', 'uint32', 'uint8']], 'Abs'),
  ...each([[...floats, 'int32', 'int64']], 'Neg'),
  ...each([[...floats, 'int64', 'uint8']], 'Clip'),
  ...each([floats], 'Exp', 'LeakyRelu', 'Log', 'Reciprocal', 'Relu', 'Sigmoid', 'Softplus', 'Sqrt', 'Tanh'),
  ...each([floats], 'AveragePool', 'Conv', 'ConvTranspose', 'DepthToSpace', 'Gemm', 'MatMul'),
  ...each([floats], 'ReduceLogSumExp', 'ReduceSumSquare'),
  ...each([[...floats, 'int32']], 'ReduceMean'),
  ...each([[...floats, 'int32', 'int64']], 'ReduceSum'),
  ...each([bools], 'And', 'Not', 'Or'),
  ...each([bools, [...floats, 'int32', 'int64', 'uint8']], 'Where'),
  ...each([all], 'Cast', 'Concat', 'Transpose'),
  // Further operands are shapes and places, which the host has.
  ...each([all, ['int64']], 'Expand', 'Reshape', 'Slice', 'Split'),
  ...each([['bool', ...floats], ['int64'], ['bool', ...floats], indices], 'Pad'),
  ...each([[...floats, 'int32', 'uint8'], ['float32'], ['float32'], ['int64']], 'Resize'),
  ...each([all, indices], 'Gather', 'GatherElements'),
  ...each([all, indices, all], 'ScatterElements'),
  ...each([all, ['int64'], all], 'ScatterND'),
  ...each([['int64'], bools, all], 'Loop'),
  ...each([['float16', 'float32']], 'com.ms.internal.nhwc.Conv', 'com.ms.internal.nhwc.ConvTranspose'),
  ...each([floats], 'com.ms.internal.nhwc.BatchNormalization'),
]);

const nodesOf = (graph: Graph): Node[] =>
  graph.nodes.flatMap((node) => {
    const { body } = node.attributes;
    return body instanceof Graph ? [node, ...nodesOf(body)] : [node];
  });

/** Operators with the types of their operands that CUDA has no kernel for. */
function withoutKernel(graph: Graph): string[] {
  const found = nodesOf(graph).flatMap(({ op: { type, onnx }, inputs }) => {
    const name = [onnx?.domain, onnx?.type ?? type].filter((part) => part !== undefined).join('.');
    const operands = kernels.get(name);
    const fits = inputs.every(
      (value, i) => !value || operands?.at(Math.min(i, operands.length - 1))!.includes(value.dtype),
    );
    return operands && fits ? [] : [`${name}(${inputs.map((value) => value?.dtype ?? '').join(', ')})`];
  });
  return [...new Set(found)];
}

const recipes = {
  ...everyTechnique,
  'pixel shuffle, average pool, instance norm': randomRecipe({
    ...dcgan,
    upsampling: 'pixelShuffle',
    downsampling: 'averagePool',
    normalization: 'instance',
  }),
  'nearest, ReLU': randomRecipe({ ...dcgan, upsampling: 'nearest', normalization: 'none', slope: 0 }),
  'vaegan, accumulated': { ...everyTechnique.vaegan!, accumulate: 2 },
};

test.each(Object.entries(recipes))('CUDA has a kernel for every node of a training loop: %s', (_, recipe) => {
  const compiled = (precision: Recipe['precision']) => {
    const loop = smallProgram({ ...recipe, precision }).loopGraph();
    return compile(precision === 'mixed' ? mixedPrecision(loop, 256) : loop, 'cuda');
  };
  expect(withoutKernel(compiled('float32'))).toEqual([]);
  const mixed = compiled('mixed');
  expect(withoutKernel(mixed)).toEqual([]);
  if (recipe.network.kind === 'dcgan')
    expect(nodesOf(mixed).some(({ outputs }) => outputs[0]!.dtype === 'float16')).toBe(true);
});

test('what has none is named', () => {
  const graph = new Graph('network');
  const x = graph.input('x', 'int32', [2]);
  graph.output('y', clip(x, 0, 1));
  graph.output('z', where(greater(x, 0), greater(x, 1), greater(x, 2)));
  expect(withoutKernel(graph)).toEqual(['Clip(int32, int32, int32)', 'Where(bool, bool, bool)']);
});
