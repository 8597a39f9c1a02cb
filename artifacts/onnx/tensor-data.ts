import type { onnx as types } from 'onnx-proto';
import type { DType, Tensor, TensorData } from '../../graph-builder/types.ts';
import { allocate, bytesPerElement } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { dtypeOf, elementTypeName } from './element-types.ts';
import type { ExternalFiles } from './external-place.ts';
import { externalPlace } from './external-place.ts';

/**
 * Elements of an initializer, wherever ONNX put them; always a copy, so the model's bytes can go.
 *
 * @param files those beside the model, where they have been read
 */
export function tensorOf(proto: types.ITensorProto, source: string, files?: ExternalFiles): Tensor {
  const where = `${source}: initializer "${proto.name ?? ''}"`;
  const dtype = dtypeOf(proto.dataType ?? 0);
  if (!dtype)
    throw new InputError(
      `${where} has element type ${elementTypeName(proto.dataType ?? 0)}, which ganx lacks`,
    );
  const raw = externalPlace(proto, source) ? externalBytes(proto, source, files) : proto.rawData;
  const shape = (proto.dims ?? []).map(Number);
  const length = shape.reduce((a, b) => a * b, 1);
  const data = raw?.length ? rawElements(raw, dtype) : typedElements(proto, dtype);
  if (data?.length !== length)
    throw new InputError(
      `${where} has ${data ? `${data.length} elements` : 'no whole number of elements'}, its shape [${shape.join(', ')}] needs ${length}`,
    );
  return { dtype, shape, data };
}

function externalBytes(proto: types.ITensorProto, source: string, files?: ExternalFiles): Uint8Array {
  const { location, offset, length } = externalPlace(proto, source)!;
  const where = `${source}: initializer "${proto.name ?? ''}"`;
  const file = files?.get(location);
  if (!file)
    throw new InputError(`${where} is kept in a file of its own; save the model with its weights inside`);
  const end = length === undefined ? file.length : offset + length;
  if (end > file.length)
    throw new InputError(
      `${where} ends at byte ${end} of ${location}, which has ${file.length}; the file is cut short`,
    );
  return file.subarray(offset, end);
}

function rawElements(raw: Uint8Array, dtype: DType): TensorData | undefined {
  if (raw.length % bytesPerElement(dtype) !== 0) return undefined;
  const data = allocate(dtype, raw.length / bytesPerElement(dtype));
  new Uint8Array(data.buffer).set(raw);
  return data;
}

/** The fields that other exporters use instead of raw bytes. */
function typedElements(proto: types.ITensorProto, dtype: DType): TensorData {
  const field = {
    float32: proto.floatData,
    float64: proto.doubleData,
    int64: proto.int64Data,
    uint32: proto.uint64Data,
    int32: proto.int32Data,
    uint8: proto.int32Data,
    bool: proto.int32Data,
    float16: proto.int32Data,
  }[dtype];
  const values = field ?? [];
  const data = allocate(dtype, values.length);
  values.forEach((value, i) => {
    if (data instanceof BigInt64Array) data[i] = BigInt(String(value));
    else data[i] = Number(value);
  });
  return data;
}
