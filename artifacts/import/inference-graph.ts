import { GraphError } from '../../graph-builder/errors.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { Pass } from '../../graph-builder/layers/pass.ts';
import { InputError } from '../errors.ts';
import { applyForeign } from './apply.ts';
import { decodeForeignModel } from './foreign-model.ts';
import { dtypeOfPort } from './imported-model.ts';
import { valueOf } from './operand.ts';

/**
 * A model as a graph for inference on batches of one size, all its tensors constants: what can be compiled for a device.
 *
 * @param source what messages call the model
 * @throws InputError naming what in it ganx cannot compute
 */
export function inferenceGraph(bytes: Uint8Array, source: string, batch: number): Graph {
  const model = decodeForeignModel(bytes, source);
  const graph = new Graph(source);
  const inputs = new Map(
    model.inputs.map(({ name, dtype, shape }) => {
      const extents = shape.map((dim) => (typeof dim === 'number' ? dim : batch));
      return [name, graph.input(name, dtypeOfPort(model, name, dtype), extents)];
    }),
  );
  const tensors = new Map(
    [...model.initializers].map(([name, tensor]) => [
      name,
      { tensor, role: 'constant', isNamed: true } as const,
    ]),
  );
  const pass = new Pass({ graph, network: 'imported', training: false });
  try {
    const operands = applyForeign({ model, tensors, pass, inputs, batch });
    for (const { name } of model.outputs) graph.output(name, valueOf(operands.get(name)!, graph));
  } catch (error) {
    if (error instanceof GraphError) throw new InputError(`${source}: ${error.message}`, { cause: error });
    throw error;
  }
  return graph;
}
