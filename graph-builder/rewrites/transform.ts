import { emit, Graph } from '../graph.ts';
import type { Attributes, Node, Value } from '../graph.ts';
import type { Tensor } from '../types.ts';

/** What a rewrite may do with the node it is shown. */
export interface Rewriter {
  /** Re-emits the node unchanged. Its types are inferred anew, so a rewrite that breaks a shape is refused at once. */
  readonly copy: () => readonly Value[];
  /** Rebuilds a subgraph of the node, with other inputs and outputs where the ports say so. */
  readonly subgraph: (body: Graph, ports?: Ports) => Graph;
}

/** Changes the signature of a rebuilt graph. */
export interface Ports {
  /** Stands for an input in the new body. */
  readonly input?: (body: Graph, input: Value) => Value;
  /** Leaves the new body in place of an output. */
  readonly output?: (name: string, value: Value) => Value;
  /** Names of outputs that the new body does without. */
  readonly drops?: ReadonlySet<string>;
}

/** Returns what becomes of a node: its outputs in the new graph. */
export type Visit = (
  node: Node,
  inputs: readonly (Value | undefined)[],
  rewriter: Rewriter,
) => readonly Value[];

/** The nodes of a graph in the order in which they are visited; one in which they can run. */
export type Order = (graph: Graph) => readonly Node[];

/** A new graph in which every node went through `visit`; subgraphs too. The old graph is left as it was. */
export function transform(
  graph: Graph,
  visit: Visit,
  order: Order = ({ nodes }) => nodes,
  ports: Ports = {},
): Graph {
  return rebuild(graph, visit, order, undefined, new Map(), ports);
}

function rebuild(
  graph: Graph,
  visit: Visit,
  order: Order,
  parent: Graph | undefined,
  outer: ReadonlyMap<Value, Value>,
  ports: Ports,
): Graph {
  const result = new Graph(graph.name, parent);
  const map = new Map(outer);
  const mapped = (value: Value): Value => {
    let known = map.get(value);
    if (!known) {
      // Only constants are not met before they are used; they move to the graph that uses them.
      const { constant } = value;
      if (!constant) throw new Error(`value ${value.name ?? '?'} is used before it is computed`);
      const number = value.name === undefined ? scalarOf(constant) : undefined;
      known =
        number === undefined ? result.constant(constant, value.name) : result.scalar(number, constant.dtype);
      map.set(value, known);
    }
    return known;
  };
  for (const input of graph.inputs)
    map.set(input, ports.input?.(result, input) ?? result.input(input.name!, input.dtype, input.shape));
  for (const node of order(graph)) {
    const inputs = node.inputs.map((input) => input && mapped(input));
    const subgraph = (body: Graph, bodyPorts: Ports = {}) =>
      rebuild(body, visit, order, result, map, bodyPorts);
    const copy = () => emit(node.op, inputs, withSubgraphs(node.attributes, subgraph), result);
    const apply = () => visit(node, inputs, { copy, subgraph });
    const outputs = node.scope ? result.scope(node.scope, apply) : apply();
    node.outputs.forEach((output, i) => {
      const replacement = outputs[i]!;
      if (output.name !== undefined) replacement.name ??= output.name;
      map.set(output, replacement);
    });
  }
  for (const { name, value } of graph.outputs)
    if (!ports.drops?.has(name)) result.output(name, ports.output?.(name, mapped(value)) ?? mapped(value));
  return result;
}

/** Whether a node of the graph or of its subgraphs is of that kind. A rewrite that finds none can leave the graph as it is. */
export function someNode(graph: Graph, isSo: (node: Node) => boolean): boolean {
  return graph.nodes.some(
    (node) =>
      isSo(node) ||
      Object.values(node.attributes).some(
        (attribute) => attribute instanceof Graph && someNode(attribute, isSo),
      ),
  );
}

/** The attributes with their graphs rebuilt; the same where there are none. */
function withSubgraphs(attributes: Attributes, rebuilt: (body: Graph) => Graph): Attributes {
  const entries = Object.entries(attributes);
  if (!entries.some(([, attribute]) => attribute instanceof Graph)) return attributes;
  return Object.fromEntries(
    entries.map(([key, attribute]) => [key, attribute instanceof Graph ? rebuilt(attribute) : attribute]),
  );
}

/** The number of a scalar, where it is exactly one: halves are stored as bits, and integers may exceed 2^53. */
function scalarOf({ dtype, shape, data }: Tensor): number | undefined {
  const number = Number(data[0]);
  const exact = dtype === 'int64' ? Number.isSafeInteger(number) : dtype !== 'float16';
  return shape.length === 0 && exact ? number : undefined;
}
