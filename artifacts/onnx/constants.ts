import type { onnx as types } from 'onnx-proto';
import type { Tensor } from '../../graph-builder/types.ts';
import type { Names } from './names.ts';
import { elementType } from './element-types.ts';

/** Beyond this many elements a constant is named by its shape, not by its values. */
const spelledOut = 8;

interface Entry {
  readonly bytes: Uint8Array;
  readonly name: string;
}

/** The initializers of one graph. Equal constants are stored once; those that bear a name keep it. */
export class Constants {
  readonly initializers: types.ITensorProto[] = [];
  readonly #names: Names;
  readonly #known = new Map<string, Entry[]>();

  constructor(names: Names) {
    this.#names = names;
  }

  /** Name of the initializer that holds `tensor`. */
  add(tensor: Tensor, wanted?: string): string {
    const bytes = bytesOf(tensor);
    const key = `${wanted ?? ''} ${tensor.dtype}[${tensor.shape.join()}] ${digest(bytes)}`;
    let entries = this.#known.get(key);
    if (!entries) this.#known.set(key, (entries = []));
    const known = entries.find((entry) => sameBytes(entry.bytes, bytes));
    if (known) return known.name;

    const name = this.#names.unique(wanted ?? describe(tensor));
    entries.push({ bytes, name });
    this.initializers.push({
      name,
      dataType: elementType(tensor.dtype),
      dims: [...tensor.shape],
      rawData: bytes,
    });
    return name;
  }

  /** Name of an int64 vector, ONNX's form of shapes and axes. */
  int64(values: readonly number[]): string {
    return this.add({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  }
}

/** The elements as ONNX stores them. Every machine that runs onnxruntime is little endian, as ONNX is. */
function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** FNV-1a over at most 256 bytes spread over the constant: weights are large and seldom equal. */
function digest(bytes: Uint8Array): number {
  const stride = Math.max(1, Math.floor(bytes.length / 256));
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i += stride) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return a.length === b.length;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** `float32_0.5`, `int64_[1,-1]`, `float32[16384]` */
function describe({ dtype, shape, data }: Tensor): string {
  const text = (element: number | bigint) => {
    if (dtype === 'float16') return `0x${element.toString(16)}`;
    return dtype === 'float32' ? shortest(Number(element)) : String(element);
  };
  if (shape.length === 0) return `${dtype}_${text(data[0]!)}`;
  if (shape.length > 1 || data.length > spelledOut) return `${dtype}[${shape.join()}]`;
  return `${dtype}_[${Array.from<number | bigint, string>(data as ArrayLike<number | bigint>, text).join()}]`;
}

/** The shortest decimal that reads back as the same float32: 0.1, not 0.10000000149011612. */
function shortest(value: number): string {
  if (Object.is(value, -0)) return '-0';
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(value);
}
