import { emit, Graph } from '../graph.ts';
import type { Node, Value } from '../graph.ts';
import { transpose } from '../ops/movement.ts';
import { inverse, layoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { transform } from './transform.ts';

/**
 * Where a loop's body transposes a carried value on entry and back on exit, carries it transposed instead: the
 * transposes run once before and once after the loop, not in every iteration.
 * Leaves pairs of transposes that `cancelTransposes` then removes.
 */
export function hoistLayouts(graph: Graph): Graph {
  if (!graph.nodes.some(({ attributes }) => attributes.body instanceof Graph)) return graph;
  return transform(graph, (node, inputs, { copy, subgraph }) => {
    const { body } = node.attributes;
    if (!(body instanceof Graph)) return copy();
    const layouts = carriedLayouts(body);
    // The first two inputs of a body are iteration and condition, the first output is the condition.
    const byInput = new Map(body.inputs.map((input, i) => [input, layouts[i - 2]]));
    const byOutput = new Map(body.outputs.map(({ name }, i) => [name, layouts[i - 1]]));
    const hoisted = subgraph(body, {
      input: (result, input) => {
        const layout = byInput.get(input);
        if (!layout) return result.input(input.name!, input.dtype, input.shape);
        const shape = layout.map((axis) => input.shape[axis]!);
        const carried = result.input(input.name!, input.dtype, shape);
        return result.scope('layout', () => transpose(carried, inverse(layout)));
      },
      output: (name, value) => {
        const layout = byOutput.get(name);
        return layout ? value.graph.scope('layout', () => transpose(value, layout)) : value;
      },
    });
    const stored = inputs.map((value, i) => {
      const layout = layouts[i - 2];
      return value && layout ? value.graph.scope('layout', () => transpose(value, layout)) : value;
    });
    return emit(node.op, stored, { ...node.attributes, body: hoisted }).map((value, i) =>
      layouts[i] ? value.graph.scope('layout', () => transpose(value, inverse(layouts[i]!))) : value,
    );
  });
}

/** For each carried value the layout that the body works in, if every use agrees and the result comes in it too. */
function carriedLayouts(body: Graph): (Layout | undefined)[] {
  const uses = new Map<Value, Node[]>();
  for (const node of body.nodes)
    for (const input of node.inputs) if (input) uses.set(input, [...(uses.get(input) ?? []), node]);
  return body.inputs.slice(2).map((input, i) => {
    const layouts = (uses.get(input) ?? []).map(layoutOf);
    const [layout] = layouts;
    if (!layout || layouts.some((other) => String(other) !== String(layout))) return undefined;
    const result = body.outputs[i + 1]!.value.node;
    return result && String(layoutOf(result)) === String(inverse(layout)) ? layout : undefined;
  });
}
