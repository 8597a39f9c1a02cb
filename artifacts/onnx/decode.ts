import type { onnx as types } from 'onnx-proto';
import type { Dim, Tensor } from '../../graph-builder/types.ts';
import { bytesPerElement } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { dtypeOf, elementTypeName, onnx } from './proto.ts';
import { tensorOf } from './tensor-data.ts';

/** An input or output of a model. */
export interface PortInfo {
  readonly name: string;
  /** Spelled as ganx does; the type of a foreign model may be one that ganx lacks. */
  readonly dtype: string;
  /** A symbol is a string, an extent that the model leaves open is `?`. */
  readonly shape: readonly Dim[];
}

export interface InitializerInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What a model says of itself. */
export interface ModelInfo {
  readonly irVersion: number;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  readonly producer: string;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
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
  const model = parseModel(bytes, source);
  const initializers = model.graph.initializer.map(initializerInfo);
  const weights = new Set(initializers.map(({ name }) => name));
  return {
    irVersion: Number(model.irVersion),
    opset: model.opset,
    producer: model.producerName,
    producerVersion: model.producerVersion,
    metadata: Object.fromEntries(model.metadataProps.map(({ key, value }) => [key ?? '', value ?? ''])),
    // Before IR 4 every initializer is also listed as an input.
    inputs: model.graph.input.filter(({ name }) => !weights.has(name ?? '')).map(portInfo),
    outputs: model.graph.output.map(portInfo),
    opCounts: countOperators(model.graph),
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

export type Model = types.ModelProto & {
  readonly graph: Required<types.IGraphProto> & {
    readonly initializer: types.ITensorProto[];
    readonly input: types.IValueInfoProto[];
    readonly output: types.IValueInfoProto[];
  };
  opset: number;
};

/** Protobuf reads almost anything without complaint, so what every ONNX model has is asked for. */
export function parseModel(bytes: Uint8Array, source: string): Model {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new InputError(`${source}: not an ONNX model (${problem})`, { cause });
  };
  if (bytes.length === 0) refuse('the file is empty');
  let model: types.ModelProto;
  try {
    model = onnx.ModelProto.decode(bytes);
  } catch (error) {
    return refuse(`${bytes.length} bytes, damaged or cut short: ${(error as Error).message}`, error);
  }
  const irVersion = Number(model.irVersion);
  if (!(irVersion >= 3 && irVersion < 1000))
    refuse(`no IR version of 3 or more in its ${bytes.length} bytes`);
  if (!model.graph) refuse('it holds no graph');
  const opset = model.opsetImport.find(({ domain }) => !domain || domain === 'ai.onnx');
  if (!opset) refuse('it names no operator set; the file may be cut short');
  return Object.assign(model as Model, { opset: Number(opset!.version) });
}

export function portInfo({ name, type }: types.IValueInfoProto): PortInfo {
  const tensor = type?.tensorType;
  const dims = tensor?.shape?.dim ?? [];
  return {
    name: name ?? '',
    dtype: tensor ? elementTypeName(tensor.elemType ?? 0) : 'no tensor',
    shape: dims.map(extentOf),
  };
}

function extentOf({ dimParam, dimValue }: types.TensorShapeProto.IDimension): Dim {
  if (dimParam) return dimParam;
  return dimValue == null ? '?' : Number(dimValue);
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
