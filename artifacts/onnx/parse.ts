import type { onnx as types } from 'onnx-proto';
import { InputError } from '../errors.ts';
import { onnx } from './proto.ts';
import { readModelSummary } from './summary.ts';

// Apart from what is public: the types of onnx-proto name a package that it does not bring.

export type Model = types.ModelProto & {
  readonly graph: Required<types.IGraphProto> & { readonly initializer: types.ITensorProto[] };
};

/** @throws InputError where the bytes are no ONNX model. */
export function parseModel(bytes: Uint8Array, source: string): Model {
  // Asks for what every model has; protobuf itself takes almost any bytes for one.
  readModelSummary(bytes, source);
  try {
    return onnx.ModelProto.decode(bytes) as Model;
  } catch (error) {
    throw new InputError(
      `${source}: not an ONNX model (${bytes.length} bytes, damaged or cut short: ${(error as Error).message})`,
      { cause: error },
    );
  }
}
