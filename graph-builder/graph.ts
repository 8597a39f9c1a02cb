import { GraphError, inNameOf, refuse } from './errors.ts';
import type { OpDef } from './ops/op.ts';
import { checkType, formatShape } from './shape.ts';
import type { Dim, DType, Shape, Tensor, TensorType } from './types.ts';
import { checkElement, tensor } from './types.ts';

/** A typed edge of the graph: a graph input, a constant, or an output of a node. Knows its type from birth. */
export class Value implements TensorType {
  readonly graph: Graph;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The node that computes it; undefined for graph inputs and constants. */
  readonly node: Node | undefined;
  /** Data of a constant. */
  readonly constant: Tensor | undefined;
  /** A name asked for by the builder; the others are named when the graph is written. */
  name: string | undefined;

  constructor(graph: Graph, type: TensorType, from: { node?: Node; constant?: Tensor; name?: string }) {
    this.graph = graph;
    this.dtype = type.dtype;
    this.shape = type.shape;
    this.node = from.node;
    this.constant = from.constant;
    this.name = from.name;
  }

  get rank(): number {
    return this.shape.length;
  }
}

/** Attributes are plain data; a subgraph (the body of a Loop) is a {@link Graph}. */
export type Attribute = number | string | boolean | readonly number[] | readonly Dim[] | Graph;
export type Attributes = Readonly<Record<string, Attribute | undefined>>;

export class Node {
  readonly op: OpDef;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  /** Where in the network it was built, such as `generator/block2/conv`. */
  readonly scope: string;
  outputs: readonly Value[] = [];

  constructor(op: OpDef, inputs: readonly (Value | undefined)[], attributes: Attributes, scope: string) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.scope = scope;
  }
}

/**
 * A computation: inputs, nodes in an order in which they can run, and named outputs.
 * A subgraph sees the values of its parent; everything else must belong to the graph itself.
 */
export class Graph {
  readonly name: string;
  readonly parent: Graph | undefined;
  readonly inputs: Value[] = [];
  readonly nodes: Node[] = [];
  readonly outputs: { readonly name: string; readonly value: Value }[] = [];
  readonly #scalars = new Map<string, Value>();
  #scope: string[] = [];

  constructor(name: string, parent?: Graph) {
    this.name = name;
    this.parent = parent;
  }

  input(name: string, dtype: DType, shape: Shape): Value {
    inNameOf('input', '', () => {
      this.#checkName(name, this.inputs);
      checkType({ dtype, shape });
    });
    const value = new Value(this, { dtype, shape }, { name });
    this.inputs.push(value);
    return value;
  }

  constant(data: Tensor, name?: string): Value {
    inNameOf('constant', '', () => {
      checkType(data);
      const size = data.shape.reduce((a, b) => a * b, 1);
      if (size !== data.data.length)
        refuse(`${data.data.length} elements must fill shape ${formatShape(data.shape)}`);
    });
    return new Value(this, data, { constant: data, ...(name === undefined ? {} : { name }) });
  }

  /** A rank-0 constant; equal scalars of one graph are one value. */
  scalar(number: number, dtype: DType = 'float32'): Value {
    const key = `${dtype} ${Object.is(number, -0) ? '-0' : number}`;
    let value = this.#scalars.get(key);
    if (!value) {
      // Before it becomes a tensor, which has no place.
      inNameOf('scalar', this.scopePath, () => {
        checkElement(dtype, number);
      });
      this.#scalars.set(key, (value = this.constant(tensor(dtype, [number], []))));
    }
    return value;
  }

  output(name: string, value: Value): void {
    inNameOf('output', '', () => {
      this.#checkName(name, this.outputs);
    });
    this.outputs.push({ name, value });
  }

  #checkName(name: string, taken: readonly { readonly name: string | undefined }[]): void {
    if (name === '' || taken.some((other) => other.name === name))
      refuse(`name "${name}" must be unique in graph ${this.name}, and not empty`);
  }

  /** Current place, `a/b/c`, given to the nodes that are added. */
  get scopePath(): string {
    return this.#scope.join('/');
  }

  /** Runs `build` with `name` appended to the scope. */
  scope<T>(name: string, build: () => T): T {
    const saved = this.#scope;
    this.#scope = [...saved, name];
    try {
      return build();
    } finally {
      this.#scope = saved;
    }
  }

  /** True where `other` is this graph or encloses it. */
  sees(other: Graph): boolean {
    return other === this || (this.parent?.sees(other) ?? false);
  }
}

/** The innermost of the graphs that the values belong to; a node is added there. */
export function graphOf(values: readonly (Value | undefined)[]): Graph {
  let innermost: Graph | undefined;
  for (const value of values) {
    if (!value || value.graph === innermost) continue;
    if (!innermost || value.graph.sees(innermost)) innermost = value.graph;
    else if (!innermost.sees(value.graph))
      throw new GraphError(
        'graph',
        `values of graphs ${innermost.name} and ${value.graph.name} cannot meet in one node`,
      );
  }
  if (!innermost) throw new GraphError('graph', 'a node needs at least one input');
  return innermost;
}

/**
 * Adds a node and returns its outputs. Types are inferred here, so a wrong shape is refused where it is written.
 *
 * @throws GraphError naming op, offender, rule and place.
 */
export function emit<A extends object>(
  op: OpDef<A>,
  inputs: readonly (Value | undefined)[],
  attributes: A,
  graph: Graph = graphOf(inputs),
): readonly Value[] {
  const scope = graph.scopePath;
  const types = inNameOf(op.type, scope, () => {
    const inferred = op.infer(inputs as readonly Value[], attributes);
    inferred.forEach(checkType);
    return inferred;
  });
  const node = new Node(op as unknown as OpDef, inputs, attributes as Attributes, scope);
  node.outputs = types.map((type) => new Value(graph, type, { node }));
  graph.nodes.push(node);
  return node.outputs;
}
