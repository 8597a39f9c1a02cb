import { GraphError, inNameOf } from './errors.ts';
import { Graph } from './graph.ts';
import type { Node, Value } from './graph.ts';
import type { OpDef } from './ops/op.ts';
import { registry } from './ops/registry.ts';
import { formatType, sameShape } from './shape.ts';
import type { TensorType } from './types.ts';

const registered: Readonly<Record<string, OpDef | undefined>> = registry as unknown as Record<string, OpDef>;

/**
 * Checks what every graph must hold, however it was made: nodes in an order in which they can run, values that are
 * visible where they are used, unique names, operators of the registry, types that inference gives. Subgraphs too.
 *
 * @throws GraphError naming the first rule that is broken.
 */
export function verify(graph: Graph): void {
  verifyWithin(graph, new Set());
}

function verifyWithin(graph: Graph, outer: ReadonlySet<Value>): void {
  const known = new Set(outer);
  const inputNames = graph.inputs.map(({ name }) => name ?? '');
  const outputNames = graph.outputs.map(({ name }) => name);
  for (const [what, names] of [
    ['input', inputNames],
    ['output', outputNames],
  ] as const)
    names.forEach((name, i) => {
      if (name === '') throw new GraphError('verify', `${what} ${i} of graph ${graph.name} must have a name`);
      if (names.indexOf(name) !== i)
        throw new GraphError('verify', `${what} "${name}" must be unique in graph ${graph.name}`);
    });
  for (const input of graph.inputs) {
    if (input.graph !== graph || input.node || input.constant)
      throw new GraphError('verify', `input "${input.name}" must belong to graph ${graph.name}`);
    known.add(input);
  }

  const isVisible = (value: Value) => known.has(value) || (value.constant && graph.sees(value.graph));
  for (const node of graph.nodes) {
    verifyOp(node);
    node.inputs.forEach((input, i) => {
      if (input && !isVisible(input))
        throw new GraphError(node.op.type, `input ${i} ${describe(input, graph)}`, node.scope);
    });
    for (const attribute of Object.values(node.attributes))
      if (attribute instanceof Graph) {
        if (attribute.parent !== graph)
          throw new GraphError(
            node.op.type,
            `subgraph ${attribute.name} must have ${graph.name} as its parent`,
            node.scope,
          );
        verifyWithin(attribute, known);
      }
    verifyOutputs(node, graph);
    for (const output of node.outputs) known.add(output);
  }
  for (const { name, value } of graph.outputs)
    if (!isVisible(value)) throw new GraphError('verify', `output "${name}" ${describe(value, graph)}`);
}

function describe(value: Value, graph: Graph): string {
  const what = `${formatType(value)} of graph ${value.graph.name}`;
  return graph.sees(value.graph)
    ? `${what} must be computed before it is used`
    : `${what} must be visible in graph ${graph.name}`;
}

function verifyOp({ op, scope }: Node): void {
  if (registered[op.type] !== op) throw new GraphError(op.type, 'must be an operator of the registry', scope);
}

function verifyOutputs(node: Node, graph: Graph): void {
  const { op, scope, outputs } = node;
  if (outputs.some((output) => output.node !== node || output.graph !== graph))
    throw new GraphError(op.type, `its outputs must belong to it and to graph ${graph.name}`, scope);
  const inferred = infer(node);
  const fits =
    outputs.length === inferred.length &&
    outputs.every(
      ({ dtype, shape }, i) => dtype === inferred[i]!.dtype && sameShape(shape, inferred[i]!.shape),
    );
  const list = (types: readonly TensorType[]) => types.map(formatType).join(', ');
  if (!fits) throw new GraphError(op.type, `outputs ${list(outputs)} must be ${list(inferred)}`, scope);
}

function infer({ op, inputs, attributes, scope }: Node): readonly TensorType[] {
  return inNameOf(op.type, scope, () => op.infer(inputs as readonly Value[], attributes));
}
