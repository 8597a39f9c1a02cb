import type { Bytes } from '../graph-builder/arrays.ts';
import type { DType, Tensor } from '../graph-builder/types.ts';
import { allocate, bytesPerElement } from '../graph-builder/types.ts';
import { InputError } from './errors.ts';
import { readHeader } from './safetensors-header.ts';
import type { HeaderEntry } from './safetensors-header.ts';

const spellings: Readonly<Record<DType, string>> = {
  float32: 'F32',
  float16: 'F16',
  float64: 'F64',
  int32: 'I32',
  int64: 'I64',
  uint32: 'U32',
  uint8: 'U8',
  bool: 'BOOL',
};
const dtypes = new Map(Object.entries(spellings).map(([dtype, name]) => [name, dtype as DType]));

export interface TensorFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Named tensors in the safetensors format, as Python's `safetensors` reads them. The same tensors give the same bytes.
 * Larger elements come first in the data, so that each tensor is aligned to its element size.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Bytes {
  const offsets = new Map<string, number>();
  let size = 0;
  for (const [name, { data }] of [...tensors].sort(
    ([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT,
  )) {
    offsets.set(name, size);
    size += data.byteLength;
  }
  const entries = [...tensors].map(([name, { dtype, shape, data }]) => {
    if (name === '__metadata__') throw new RangeError('a tensor must not be named "__metadata__"');
    const start = offsets.get(name)!;
    return [
      name,
      { dtype: spellings[dtype], shape, data_offsets: [start, start + data.byteLength] },
    ] as const;
  });
  const named = Object.keys(metadata).length ? [['__metadata__', metadata] as const] : [];
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries<unknown>([...named, ...entries])));

  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(json, 8);
  for (const [name, { data }] of tensors)
    bytes.set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      8 + headerLength + offsets.get(name)!,
    );
  return bytes;
}

/**
 * Reads a safetensors file, and refuses one that is not exactly right.
 *
 * @param source What messages call the file: its path.
 * @throws InputError naming file and fault.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): TensorFile {
  const { entries, metadata, dataStart } = readHeader(bytes, source);
  const data = bytes.subarray(dataStart);
  const tensors = new Map<string, Tensor>();
  for (const entry of entries) tensors.set(entry.name, tensorOf(entry, data, source));
  checkCoverage(entries, data.length, source);
  return { tensors, metadata };
}

function tensorOf(
  { name, dtype: spelling, shape, start, end }: HeaderEntry,
  data: Uint8Array,
  source: string,
): Tensor {
  const dtype = dtypes.get(spelling);
  if (!dtype)
    throw new InputError(
      `${source}: tensor "${name}" has dtype ${spelling}, must be one of ${[...dtypes.keys()].join(', ')}`,
    );
  const length = shape.reduce((a, b) => a * b, 1);
  const size = length * bytesPerElement(dtype);
  if (size !== end - start)
    throw new InputError(
      `${source}: tensor "${name}" has ${end - start} bytes, ${spelling} of shape [${shape.join(', ')}] needs ${size}`,
    );
  if (end > data.length)
    throw new InputError(
      `${source}: tensor "${name}" ends at byte ${end} of the data, which has ${data.length}; the file is cut short`,
    );
  const array = allocate(dtype, length);
  new Uint8Array(array.buffer).set(data.subarray(start, end));
  return { dtype, shape, data: array };
}

/** Every byte of the data must belong to exactly one tensor. */
function checkCoverage(entries: readonly HeaderEntry[], size: number, source: string): void {
  let [covered, last] = [0, ''];
  for (const { name, start, end } of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < covered)
      throw new InputError(`${source}: tensors "${last}" and "${name}" overlap at byte ${start} of the data`);
    if (start > covered)
      throw new InputError(
        `${source}: bytes ${covered} to ${start} of the data, before tensor "${name}", belong to no tensor`,
      );
    [covered, last] = [end, name];
  }
  if (covered !== size)
    throw new InputError(`${source}: ${size - covered} bytes follow the last tensor and belong to none`);
}
