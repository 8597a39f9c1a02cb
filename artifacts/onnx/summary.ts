import type { Dim } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { elementTypeName } from './element-types.ts';
import { fieldsOf, lastOf, MalformedError, messagesOf, textOf } from './protobuf.ts';

// Runs in browsers too: no Node, no protobuf library.

/** An input or output of a model. */
export interface PortInfo {
  readonly name: string;
  /** Spelled as ganx does; the type of a foreign model may be one that ganx lacks. */
  readonly dtype: string;
  /** A symbol is a string, an extent that the model leaves open is `?`. */
  readonly shape: readonly Dim[];
}

/** What a model says of itself, but for its operators and weights. */
export interface ModelSummary {
  readonly irVersion: number;
  /** Version of ONNX's own operators. */
  readonly opset: number;
  readonly producer: string;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
}

/** Field numbers of ONNX's messages. */
const model = { irVersion: 1, producer: 2, producerVersion: 3, graph: 7, opset: 8, metadata: 14 };
const graph = { initializer: 5, input: 11, output: 12 };
const tensorName = 8;

/**
 * Reads what stands around the nodes and weights of a model, without a look into these. Protobuf takes almost any
 * bytes for a message, so what every ONNX model has is asked for.
 *
 * @param source What messages call the model: its path.
 * @throws InputError where the bytes are no ONNX model.
 */
export function readModelSummary(bytes: Uint8Array, source: string): ModelSummary {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new InputError(`${source}: not an ONNX model (${problem})`, { cause });
  };
  if (bytes.length === 0) refuse('the file is empty');
  try {
    const irVersion = Number(lastOf(bytes, model.irVersion));
    if (!(irVersion >= 3 && irVersion < 1000))
      refuse(`no IR version of 3 or more in its ${bytes.length} bytes`);
    const body = lastOf(bytes, model.graph);
    if (typeof body !== 'object') return refuse('it holds no graph');
    const opset = opsetOf(bytes) ?? refuse('it names no operator set; the file may be cut short');
    // Before IR 4 every initializer is also listed as an input.
    const weights = new Set(
      [...messagesOf(body, graph.initializer)].map((t) => textOf(lastOf(t, tensorName))),
    );
    return {
      irVersion,
      opset,
      producer: textOf(lastOf(bytes, model.producer)),
      producerVersion: textOf(lastOf(bytes, model.producerVersion)),
      metadata: Object.fromEntries(
        [...messagesOf(bytes, model.metadata)].map((entry) => [
          textOf(lastOf(entry, 1)),
          textOf(lastOf(entry, 2)),
        ]),
      ),
      inputs: [...messagesOf(body, graph.input)].map(portOf).filter(({ name }) => !weights.has(name)),
      outputs: [...messagesOf(body, graph.output)].map(portOf),
    };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return refuse(`${bytes.length} bytes, damaged or cut short: ${error.message}`, error);
  }
}

function opsetOf(bytes: Uint8Array): number | undefined {
  for (const entry of messagesOf(bytes, model.opset))
    if (['', 'ai.onnx'].includes(textOf(lastOf(entry, 1)))) return Number(lastOf(entry, 2) ?? 0);
  return undefined;
}

/** ValueInfoProto: its name and, where it is a tensor, type and shape. */
function portOf(info: Uint8Array): PortInfo {
  const name = textOf(lastOf(info, 1));
  const type = lastOf(info, 2);
  const tensor = typeof type === 'object' ? lastOf(type, 1) : undefined;
  if (typeof tensor !== 'object') return { name, dtype: 'no tensor', shape: [] };
  const shape = lastOf(tensor, 2);
  return {
    name,
    dtype: elementTypeName(Number(lastOf(tensor, 1) ?? 0)),
    shape: typeof shape === 'object' ? [...messagesOf(shape, 1)].map(extentOf) : [],
  };
}

/** A number or a symbol; neither where the extent is open. */
function extentOf(dim: Uint8Array): Dim {
  for (const [, value] of fieldsOf(dim))
    if (value !== undefined) return typeof value === 'object' ? textOf(value) || '?' : value;
  return '?';
}
