import { encodeModel } from '../artifacts/onnx/encode.ts';
import { applyForeign } from '../artifacts/import/apply.ts';
import type { ImportedModel } from '../artifacts/import/imported-model.ts';
import { valueOf } from '../artifacts/import/operand.ts';
import { loadQuietRuntime } from '../artifacts/onnxruntime-node.ts';
import { gradients } from '../graph-builder/autodiff.ts';
import { Graph } from '../graph-builder/graph.ts';
import type { Value } from '../graph-builder/graph.ts';
import { Pass } from '../graph-builder/layers/pass.ts';
import { mul } from '../graph-builder/ops/elementwise.ts';
import { reduceSum, reduceSumSquare } from '../graph-builder/ops/reduction.ts';
import { RandomStreams } from '../graph-builder/random.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { isFloat, tensor } from '../graph-builder/types.ts';
import { sessionOptions, toOrt } from '../training/engine/onnxruntime.ts';

/**
 * The output of an imported model, its gradients for a cotangent, those of the squared norm of the gradient by the
 * first input, and the running statistics that a training pass leaves: names as `import_modules.py` has them.
 *
 * @param given `given/<i>` inputs, `cotangent`, and the names that are wanted
 */
export async function evaluate(
  imported: ImportedModel,
  given: ReadonlyMap<string, Tensor>,
  training: boolean,
): Promise<Map<string, Tensor>> {
  const { model, tensors } = imported;
  const graph = new Graph('parity');
  const pass = new Pass({
    graph,
    network: 'm',
    training,
    random: RandomStreams.of(graph, graph.scalar(0, 'int32'), graph.scalar(0, 'int32')),
  });
  const xs = model.inputs.map((_, i) => {
    const { dtype, shape } = given.get(`given/${i}`)!;
    return graph.input(`given/${i}`, dtype, shape);
  });
  const inputs = new Map(model.inputs.map(({ name }, i) => [name, xs[i]!]));
  const batch = xs[0]!.shape[0]!;
  const operands = applyForeign({ model, tensors, pass, inputs, batch });
  const y = valueOf(operands.get(model.outputs[0]!.name)!, graph);
  const cotangent = graph.input('cotangent', 'float32', given.get('cotangent')!.shape);

  const leaves = new Map<string, Value>(
    xs.flatMap((x, i) => (isFloat(x.dtype) ? [[`input/${i}`, x] as const] : [])),
  );
  for (const { name } of pass.declared.parameters)
    leaves.set(
      name.slice('m/'.length),
      graph.inputs.find((input) => input.name === name)!,
    );

  const wanted = new Map<string, Value>([['output', y]]);
  const names = [...leaves.keys()];
  const add = (kind: string, grads: readonly Value[]) => {
    names.forEach((name, i) => {
      if (given.has(`${kind}/${name}`)) wanted.set(`${kind}/${name}`, grads[i]!);
    });
  };
  const first = gradients(reduceSum(mul(y, cotangent)), [...leaves.values()]);
  add('first', first);
  if ([...given.keys()].some((name) => name.startsWith('second/')))
    add('second', gradients(reduceSumSquare(first[names.indexOf('input/0')]!), [...leaves.values()]));
  for (const [name, value] of pass.updates) wanted.set(`statistic/${name.slice('m/'.length)}`, value);
  for (const [name, value] of wanted) graph.output(name, value);

  const state = new Map([...tensors].map(([name, named]) => [`m/${name}`, named.tensor]));
  const ort = await loadQuietRuntime();
  const session = await ort.InferenceSession.create(
    // The layout for CPU adds up in another order, and has tests of its own.
    encodeModel(compile(graph, 'portable')),
    sessionOptions({ kind: 'cpu', index: 0 }, 1),
  );
  try {
    const feeds = graph.inputs.map(
      ({ name }) => [name!, toOrt(ort, given.get(name!) ?? state.get(name!)!)] as const,
    );
    const results = await session.run(Object.fromEntries(feeds));
    return new Map(
      Object.entries(results).map(([name, value]) => [
        name,
        tensor('float32', value.data as Float32Array, value.dims),
      ]),
    );
  } finally {
    await session.release();
  }
}
