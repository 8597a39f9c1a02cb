import type { Graph, Value } from '../graph.ts';
import { transpose } from '../ops/movement.ts';
import { cancelTransposes } from './cancel-transposes.ts';
import { inverse, layoutOf, sameLayout } from './layout.ts';
import type { Layout } from './layout.ts';
import { removeDead } from './remove-dead.ts';
import { transform } from './transform.ts';

/** A training graph whose state comes in and goes out as it is used, and how each tensor of it is stored then. */
export interface StoredAsUsed {
  readonly graph: Graph;
  /** By name of the tensor; those that are not here are stored plainly. */
  readonly layouts: ReadonlyMap<string, Layout>;
}

/**
 * Where a graph transposes a tensor of the state as it comes in and back as it goes out, lets it come and go
 * transposed: what runs the graph again and again spares two passes over the state in every run, and the memory of two
 * copies of it.
 */
export function storeAsUsed(graph: Graph): StoredAsUsed {
  const layouts = new Map<string, Layout>();
  for (const { name, value } of graph.outputs) {
    const input = graph.inputs.find((candidate) => `next/${candidate.name}` === name);
    const layout = input && layoutOfUses(graph, input);
    const result = value.node && layoutOf(value.node);
    if (layout && result && sameLayout(result, inverse(layout))) layouts.set(input.name!, layout);
  }
  const stored = transform(graph, (_, __, { copy }) => copy(), undefined, {
    input: (result, { name, dtype, shape }) => {
      const layout = layouts.get(name!);
      if (!layout) return result.input(name!, dtype, shape);
      const laid = result.input(
        name!,
        dtype,
        layout.map((axis) => shape[axis]!),
      );
      return transpose(laid, inverse(layout));
    },
    output: (name, value) => {
      const layout = layouts.get(name.slice('next/'.length));
      return layout ? transpose(value, layout) : value;
    },
  });
  return { graph: removeDead(cancelTransposes(stored)), layouts };
}

/** The layout in which every node of the graph takes `value`, if they agree. */
function layoutOfUses(graph: Graph, value: Value): Layout | undefined {
  const layouts = graph.nodes.filter(({ inputs }) => inputs.includes(value)).map(layoutOf);
  const [layout] = layouts;
  return layout && layouts.every((other) => other && sameLayout(other, layout)) ? layout : undefined;
}
