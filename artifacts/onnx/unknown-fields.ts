import { InputError } from '../errors.ts';
import { fieldsOf, MalformedError } from './protobuf.ts';

/*
 * The codec drops what it does not know, silently. So the bytes are walked beside it: a field of a later version of
 * ONNX is named instead of lost. Field numbers are those of onnx.proto, IR 14.
 */

/** A message: the fields that the codec reads, with the message inside where there is one. */
interface Message {
  readonly name: string;
  readonly known: Readonly<Record<number, Message | null>>;
  /** Notes on the side, which change nothing of what is computed: they may be dropped. */
  readonly notes?: readonly number[];
  /** Names of further fields, for people. */
  readonly later?: Readonly<Record<number, string>>;
}

const leaves = (...numbers: number[]) => Object.fromEntries(numbers.map((number) => [number, null]));
const stringEntry: Message = { name: 'StringStringEntryProto', known: leaves(1, 2) };

const tensor: Message = {
  name: 'TensorProto',
  known: { ...leaves(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14), 13: stringEntry },
  notes: [16],
};
const sparseTensor: Message = { name: 'SparseTensorProto', known: { ...leaves(3), 1: tensor, 2: tensor } };
const dimension: Message = { name: 'TensorShapeProto.Dimension', known: leaves(1, 2, 3) };
const shape: Message = { name: 'TensorShapeProto', known: { 1: dimension } };
const tensorType: Message = { name: 'TypeProto.Tensor', known: { ...leaves(1), 2: shape } };
const type: Message = {
  name: 'TypeProto',
  known: { ...leaves(4, 5, 6, 8, 9), 1: tensorType },
  later: { 7: 'opaque_type' },
};
const valueInfo: Message = { name: 'ValueInfoProto', known: { ...leaves(1, 3), 2: type }, notes: [4] };
const opset: Message = { name: 'OperatorSetIdProto', known: leaves(1, 2) };

const attributeFields: Record<number, Message | null> = {
  ...leaves(1, 2, 3, 4, 7, 8, 9, 13, 20, 21),
  5: tensor,
  10: tensor,
  14: type,
  15: type,
  22: sparseTensor,
  23: sparseTensor,
};
const attribute: Message = { name: 'AttributeProto', known: attributeFields };
const node: Message = {
  name: 'NodeProto',
  known: { ...leaves(1, 2, 3, 4, 6, 7), 5: attribute },
  notes: [9],
  later: { 8: 'overload', 10: 'device_configurations' },
};
const graph: Message = {
  name: 'GraphProto',
  known: {
    ...leaves(2, 10),
    1: node,
    5: tensor,
    11: valueInfo,
    12: valueInfo,
    13: valueInfo,
    14: { name: 'TensorAnnotation', known: { ...leaves(1), 2: stringEntry } },
    15: sparseTensor,
  },
  notes: [16],
};
attributeFields[6] = graph;
attributeFields[11] = graph;

const model: Message = {
  name: 'ModelProto',
  known: {
    ...leaves(1, 2, 3, 4, 5, 6),
    7: graph,
    8: opset,
    14: stringEntry,
    20: { name: 'TrainingInfoProto', known: { 1: graph, 2: graph, 3: stringEntry, 4: stringEntry } },
    25: {
      name: 'FunctionProto',
      known: { ...leaves(1, 4, 5, 6, 8, 10), 7: node, 9: opset, 11: attribute },
      notes: [12, 14],
      later: { 13: 'overload' },
    },
  },
  later: { 26: 'configuration' },
};

/** @throws InputError naming the first field that this codec would drop. The bytes must have been decoded before. */
export function refuseUnknownFields(bytes: Uint8Array, source: string): void {
  try {
    walk(bytes, model, source);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    // What protobuf reads and ONNX has not: groups.
    throw new InputError(`${source}: not an ONNX model (${error.message})`, { cause: error });
  }
}

function walk(bytes: Uint8Array, message: Message, source: string): void {
  for (const [field, value] of fieldsOf(bytes)) {
    const inner = message.known[field];
    if (inner === undefined && !message.notes?.includes(field))
      throw new InputError(
        `${source}: ${message.name} has a field ${message.later?.[field] ?? field}, which this ganx cannot carry; export with an IR version of at most 13 and without it`,
      );
    if (inner && typeof value === 'object') walk(value, inner, source);
  }
}
