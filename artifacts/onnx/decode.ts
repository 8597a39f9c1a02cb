import type { onnx as types } from 'onnx-proto';
import type { Tensor } from '../../graph-builder/types.ts';
import { bytesPerElement } from '../../graph-builder/types.ts';
import { dtypeOf, elementTypeName } from './element-types.ts';
import { parseModel } from './parse.ts';
import { readModelSummary } from './summary.ts';
import type { ModelSummary } from './summary.ts';
import { tensorOf } from './tensor-data.ts';

export interface InitializerInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What a model says of itself. */
export interface ModelInfo extends ModelSummary {
  /** Nodes by operator, subgraphs included, most frequent first. */
  readonly opCounts: Readonly<Record<string, number>>;
  /** Of the main graph. */
  readonly initializers: readonly InitializerInfo[];
  /** Elements of the floating-point initializers of rank >= 1. */
  readonly parameterCount: number;
}

/**
 * Reads the facts of a model without its weights.
 *
 * @param source What messages call the model: its path.
 * @throws InputError where the bytes are no ONNX model.
 */
export function readModelInfo(bytes: Uint8Array, source: string): ModelInfo {
  const summary = readModelSummary(bytes, source);
  const { graph } = parseModel(bytes, source);
  const initializers = graph.initializer.map(initializerInfo);
  return {
    ...summary,
    opCounts: countOperators(graph),
    initializers,
    parameterCount: initializers
      .filter(({ dtype, shape }) => /^b?float/.test(dtype) && shape.length > 0)
      .reduce((sum, { shape }) => sum + elements(shape), 0),
  };
}

/**
 * The initializers of the main graph by name.
 *
 * @throws InputError where the bytes are no ONNX model, or a tensor cannot be read.
 */
export function readInitializers(bytes: Uint8Array, source: string): Map<string, Tensor> {
  return new Map(
    parseModel(bytes, source).graph.initializer.map((proto) => [proto.name ?? '', tensorOf(proto, source)]),
  );
}

function initializerInfo({ name, dataType, dims }: types.ITensorProto): InitializerInfo {
  const type = dataType ?? 0;
  const shape = (dims ?? []).map(Number);
  const dtype = dtypeOf(type);
  const size = dtype ? bytesPerElement(dtype) : (foreignSize[type] ?? 0);
  return { name: name ?? '', dtype: elementTypeName(type), shape, bytes: elements(shape) * size };
}

/** Bytes an element of the types that ganx lacks; strings have no fixed size. */
const foreignSize: Readonly<Record<number, number>> = { 3: 1, 4: 2, 5: 2, 13: 8, 14: 8, 15: 16, 16: 2 };

const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function countOperators(graph: types.IGraphProto): Record<string, number> {
  const counts = new Map<string, number>();
  const visit = ({ node }: types.IGraphProto) => {
    for (const { opType, attribute } of node ?? []) {
      counts.set(opType ?? '', (counts.get(opType ?? '') ?? 0) + 1);
      for (const { g, graphs } of attribute ?? [])
        for (const sub of [...(g ? [g] : []), ...(graphs ?? [])]) visit(sub);
    }
  };
  visit(graph);
  return Object.fromEntries([...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)));
}
