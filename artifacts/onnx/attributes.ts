import type { onnx as types } from 'onnx-proto';
import { GraphError } from '../../graph-builder/errors.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Attribute, Node } from '../../graph-builder/graph.ts';
import type { DType } from '../../graph-builder/types.ts';
import { elementType } from './element-types.ts';
import { onnx } from './proto.ts';

const { AttributeType } = onnx.AttributeProto;

/** A number says nothing of its ONNX type, and onnxruntime refuses an int for a float: these are the float ones. */
const floatAttributes: ReadonlySet<string> = new Set(['alpha', 'beta', 'epsilon', 'gamma', 'momentum']);

/** One attribute of a node; `subgraph` writes a graph that the node runs. */
export function encodeAttribute(
  node: Node,
  name: string,
  value: Attribute,
  subgraph: (graph: Graph) => types.IGraphProto,
): types.IAttributeProto {
  if (value instanceof Graph) return { name, type: AttributeType.GRAPH, g: subgraph(value) };
  if (node.op.type === 'Cast' && name === 'to')
    return { name, type: AttributeType.INT, i: elementType(value as DType) };
  if (typeof value === 'boolean') return { name, type: AttributeType.INT, i: value ? 1 : 0 };
  if (typeof value === 'string')
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value === 'number' && floatAttributes.has(name))
    return { name, type: AttributeType.FLOAT, f: value };
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: integer(node, name, value) };
  return { name, type: AttributeType.INTS, ints: integers(node, name, value) };
}

/** A list of plain integers; symbols must have been bound before. */
export function integers(node: Node, name: string, value: Attribute): number[] {
  if (!Array.isArray(value))
    throw new GraphError(node.op.type, `attribute ${name} must be a list of integers`, node.scope);
  return value.map((element: number | string) => integer(node, name, element));
}

function integer(node: Node, name: string, value: number | string): number {
  if (typeof value === 'string' || !Number.isSafeInteger(value))
    throw new GraphError(node.op.type, `attribute ${name} ${value} must be an integer`, node.scope);
  return value;
}
