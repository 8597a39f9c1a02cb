import type { onnx as types } from 'onnx-proto';
import type { Bytes } from '../../graph-builder/arrays.ts';
import { GraphError } from '../../graph-builder/errors.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Node, Value } from '../../graph-builder/graph.ts';
import { Reshape } from '../../graph-builder/ops/movement.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { TensorType } from '../../graph-builder/types.ts';
import { encodeAttribute, integers } from './attributes.ts';
import { bindSymbols } from './bind-symbols.ts';
import { Constants } from './constants.ts';
import { Names } from './names.ts';
import { elementType } from './element-types.ts';
import { onnx } from './proto.ts';

/** Later opsets lose kernels on CUDA and WebGPU. */
const opset = 18;
const irVersion = 8;

export interface EncodeOptions {
  /** Written as metadata_props, in this order. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly producerVersion?: string;
  /**
   * Leaves onnxruntime in the dark about the extents of large tensors until it runs. Whatever it knows before, it plans:
   * tensors of one shape share a buffer, which is then held from the first of them to the last, and of a training step
   * with its many shapes twice the memory. Now each is given back when it has been read.
   */
  readonly hidesExtents?: boolean;
}

/** Bytes of a tensor, at four an element, from which on its extents are hidden. */
const worthHiding = 2 ** 20;

/**
 * A compiled graph as the bytes of an ONNX model. The same graph gives the same bytes.
 *
 * @throws GraphError for an operator that ONNX lacks: `compile` the graph first.
 */
export function encodeModel(graph: Graph, options: EncodeOptions = {}): Bytes {
  const { metadata = {}, producerVersion = '', hidesExtents = false } = options;
  return onnx.ModelProto.encode({
    irVersion,
    producerName: 'ganx',
    producerVersion,
    graph: new Encoder(hidesExtents).model(bindSymbols(graph)),
    opsetImport: ['', ...domainsOf(graph)].map((domain) => ({ domain, version: opset })),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  }).finish() as Bytes;
}

/** The operator sets, beside ONNX's own, of what is in the graph and its subgraphs. */
function domainsOf(graph: Graph): string[] {
  const domains = new Set<string>();
  const collect = ({ nodes }: Graph): void => {
    for (const { op, attributes } of nodes) {
      if (op.onnx?.domain !== undefined) domains.add(op.onnx.domain);
      for (const attribute of Object.values(attributes)) if (attribute instanceof Graph) collect(attribute);
    }
  };
  collect(graph);
  return [...domains];
}

class Encoder {
  readonly #names = new Names();
  readonly #nodeNames = new Names();
  /** Names of inputs and of computed values; constants are named by the graph that stores them. */
  readonly #valueNames = new Map<Value, string>();
  /** Targets of reshapes as inputs with a default, which onnxruntime does not take for constants. */
  readonly #hiddenShapes: Constants | undefined;

  constructor(hidesExtents: boolean) {
    if (hidesExtents) this.#hiddenShapes = new Constants(this.#names);
  }

  model(graph: Graph): types.IGraphProto {
    // The signature is a contract, so its names are taken before any other.
    for (const name of [
      ...graph.inputs.map((input) => input.name!),
      ...graph.outputs.map(({ name }) => name),
    ])
      if (!this.#names.reserve(name))
        throw new GraphError('encode', `name "${name}" must not be both input and output of ${graph.name}`);
    for (const input of graph.inputs) this.#valueNames.set(input, input.name!);
    const outputs = graph.outputs.map(({ name, value }) => {
      const direct = value.node && value.graph === graph && !this.#valueNames.has(value);
      if (direct) this.#valueNames.set(value, name);
      return { name, value, copied: !direct };
    });

    const { node, constants } = this.#nodes(graph);
    for (const { name, value, copied } of outputs) if (copied) node.push(this.#copy(value, name, constants));
    const model = this.#graph(graph, node, constants, graph.outputs);
    const hidden = this.#hiddenShapes?.initializers ?? [];
    return {
      ...model,
      initializer: [...model.initializer!, ...hidden],
      input: [
        ...model.input!,
        ...hidden.map(({ name, dims }) => valueInfo(name!, { dtype: 'int64', shape: dims as number[] })),
      ],
    };
  }

  /** The body of a control-flow node. Its outputs count by position, so they may bear any name. */
  #subgraph(graph: Graph): types.IGraphProto {
    for (const input of graph.inputs) this.#valueNames.set(input, this.#names.unique(input.name!));
    for (const { name, value } of graph.outputs)
      if (value.node && value.graph === graph && !this.#valueNames.has(value))
        this.#valueNames.set(value, this.#names.unique(name));

    const { node, constants } = this.#nodes(graph);
    const used = new Set<string>();
    const outputs = graph.outputs.map(({ name, value }) => {
      let known = this.#nameOf(value, constants);
      const local = value.graph === graph || value.constant !== undefined;
      if (!local || used.has(known)) {
        known = this.#names.unique(name);
        node.push(this.#copy(value, known, constants));
      }
      used.add(known);
      return { name: known, value };
    });
    return this.#graph(graph, node, constants, outputs);
  }

  #graph(
    graph: Graph,
    node: types.INodeProto[],
    constants: Constants,
    outputs: readonly { name: string; value: Value }[],
  ): types.IGraphProto {
    return {
      name: graph.name || 'graph',
      node,
      initializer: constants.initializers,
      input: graph.inputs.map((input) => valueInfo(this.#valueNames.get(input)!, input)),
      output: outputs.map(({ name, value }) => valueInfo(name, value)),
    };
  }

  #nodes(graph: Graph): { node: types.INodeProto[]; constants: Constants } {
    const constants = new Constants(this.#names);
    return { node: graph.nodes.map((node) => this.#node(node, constants)), constants };
  }

  #node(node: Node, constants: Constants): types.INodeProto {
    const { op, attributes, scope } = node;
    if (op.lower)
      throw new GraphError(op.type, 'is no ONNX operator; the graph must be compiled before encoding', scope);
    const input = node.inputs.map((value) => (value ? this.#nameOf(value, constants) : ''));
    const asInput = new Map(Object.entries(op.attributeInputs ?? {}));
    for (const [name, position] of asInput) {
      const attribute = attributes[name];
      if (attribute === undefined || node.inputs[position!]) continue;
      while (input.length <= position!) input.push('');
      const shapes = isLargeView(node) ? this.#hiddenShapes : undefined;
      input[position!] = (shapes ?? constants).int64(integers(node, name, attribute));
    }
    while (input.at(-1) === '') input.pop();

    const name = this.#nodeNames.unique(scope ? `${scope}/${op.type}` : op.type);
    const attribute = Object.entries(attributes)
      .filter(([key, value]) => value !== undefined && !asInput.has(key))
      .map(([key, value]) => encodeAttribute(node, key, value!, (body) => this.#subgraph(body)));
    const { type: opType, ...domain } = op.onnx ?? { type: op.type };
    return { opType, ...domain, name, input, output: this.#outputs(node, name), attribute };
  }

  #outputs(node: Node, nodeName: string): string[] {
    return node.outputs.map((output, i) => {
      let name = this.#valueNames.get(output);
      if (name === undefined) {
        name = this.#names.unique(output.name ?? (i === 0 ? nodeName : `${nodeName}:${i}`));
        this.#valueNames.set(output, name);
      }
      return name;
    });
  }

  #copy(value: Value, name: string, constants: Constants): types.INodeProto {
    const input = [this.#nameOf(value, constants)];
    return { opType: 'Identity', name: this.#nodeNames.unique(`${name}/Identity`), input, output: [name] };
  }

  #nameOf(value: Value, constants: Constants): string {
    if (value.constant) return constants.add(value.constant, value.name);
    const name = this.#valueNames.get(value);
    if (name === undefined)
      throw new GraphError(
        'encode',
        `value ${value.name ?? value.node?.op.type ?? '?'} of graph ${value.graph.name} is used before it is computed`,
        value.node?.scope,
      );
    return name;
  }
}

const isLargeView = ({ op, outputs: [view] }: Node): boolean =>
  op.type === Reshape.type &&
  view!.shape.every((extent) => typeof extent === 'number') &&
  4 * sizeOf(view!.shape) >= worthHiding;

function valueInfo(name: string, { dtype, shape }: TensorType): types.IValueInfoProto {
  const dim = shape.map((extent) =>
    typeof extent === 'number' ? { dimValue: extent } : { dimParam: extent },
  );
  return { name, type: { tensorType: { elemType: elementType(dtype), shape: { dim } } } };
}
