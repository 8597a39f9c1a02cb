import { GraphError } from '../../graph-builder/errors.ts';
import { emit, graphOf } from '../../graph-builder/graph.ts';
import type { Attribute, Graph, Node, Value } from '../../graph-builder/graph.ts';
import { concat, Expand, Reshape, ShapeOf } from '../../graph-builder/ops/movement.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import { formatShape } from '../../graph-builder/shape.ts';
import type { Shape } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';

/** Shapes already built in a graph, by their text. */
type Built = WeakMap<Graph, Map<string, Value>>;

/**
 * ONNX carries the shapes of Reshape and Expand as numbers, so symbols in them must go: each such node gets its shape
 * as input 1, a constant where ONNX can work the symbol out, else put together when the model runs.
 */
export function bindSymbols(graph: Graph): Graph {
  if (!hasSymbols(graph)) return graph;
  const built: Built = new WeakMap();
  return transform(graph, (node, inputs, { copy }) => {
    const shape = symbolicShape(node);
    if (!shape || inputs[1]) return copy();
    const x = inputs[0]!;
    const sizes = node.op.type === 'Reshape' ? reshapeSizes(x.shape, shape) : expandSizes(x.shape, shape);
    const bound = sizes ? x.graph.constant(tensor('int64', sizes)) : shapeAtRunTime(node, x, shape, built);
    return emit(node.op, [x, bound], node.attributes);
  });
}

function hasSymbols(graph: Graph): boolean {
  const inSubgraph = (attribute: Attribute | undefined) =>
    attribute instanceof Object && 'nodes' in attribute && hasSymbols(attribute);
  return graph.nodes.some(
    (node) => symbolicShape(node) !== undefined || Object.values(node.attributes).some(inSubgraph),
  );
}

/** The shape attribute of a Reshape or Expand that has a symbol in it. */
function symbolicShape({ op, attributes }: Node): Shape | undefined {
  if (op.type !== Reshape.type && op.type !== Expand.type) return undefined;
  const shape = attributes.shape as Shape;
  return shape.some((dim) => typeof dim === 'string') ? shape : undefined;
}

/** In Reshape 0 copies the extent of the same axis of the input, and one -1 stands for what is left. */
function reshapeSizes(from: Shape, to: Shape): number[] | undefined {
  const alone = to.filter((dim) => typeof dim === 'string').length === 1;
  const sizes = to.map((dim, i) => (typeof dim === 'number' ? dim : !alone && from[i] === dim ? 0 : -1));
  return sizes.filter((size) => size === -1).length <= 1 ? sizes : undefined;
}

/** In Expand 1 keeps the extent of the input, which is right where the input has the symbol already. */
function expandSizes(from: Shape, to: Shape): number[] | undefined {
  const lead = to.length - from.length;
  const sizes = to.map((dim, i) => (typeof dim === 'number' ? dim : from[i - lead] === dim ? 1 : -1));
  return sizes.includes(-1) ? undefined : sizes;
}

/** The shape as an int64 vector, its symbols read off values that have them. */
function shapeAtRunTime(node: Node, x: Value, shape: Shape, built: Built): Value {
  const sources = new Map<string, Value>();
  for (const dim of shape)
    if (typeof dim === 'string' && !sources.has(dim)) sources.set(dim, sourceOf(dim, node, x, shape));
  // The innermost graph that sees every source: at best outside the loop that asks.
  const home = graphOf([...sources.values()]);
  const known = built.get(home) ?? new Map<string, Value>();
  built.set(home, known);
  const key = formatShape(shape);
  let value = known.get(key);
  if (!value) {
    const parts: Value[] = [];
    let numbers: number[] = [];
    const flush = () => {
      if (numbers.length) parts.push(home.constant(tensor('int64', numbers)));
      numbers = [];
    };
    for (const dim of shape) {
      if (typeof dim === 'number') {
        numbers.push(dim);
        continue;
      }
      flush();
      parts.push(extent(sources.get(dim)!, dim, known));
    }
    flush();
    known.set(key, (value = concat(parts, 0)));
  }
  return value;
}

/** The extent that `symbol` stands for, as a vector of one. */
function extent(source: Value, symbol: string, known: Map<string, Value>): Value {
  const key = formatShape([symbol]);
  let value = known.get(key);
  if (!value) {
    const axis = source.shape.indexOf(symbol);
    known.set(key, (value = emitOne(ShapeOf, [source], { start: axis, end: axis + 1 })));
  }
  return value;
}

/** A value that has the symbol: a graph input by preference, else anything computed so far; outer graphs first. */
function sourceOf(symbol: string, node: Node, x: Value, shape: Shape): Value {
  const graphs: Graph[] = [];
  for (let graph: Graph | undefined = x.graph; graph; graph = graph.parent) graphs.unshift(graph);
  const candidates = [
    ...graphs.flatMap((graph) => graph.inputs),
    ...graphs.flatMap((graph) => graph.nodes.flatMap(({ outputs }) => outputs)),
  ];
  const source = candidates.find((value) => value.shape.includes(symbol));
  if (!source)
    throw new GraphError(
      node.op.type,
      `symbol ${symbol} of shape ${formatShape(shape)} must be an extent of an input`,
      node.scope,
    );
  return source;
}
