import { inNameOf, refuse } from './errors.ts';

/** Element types ganx can emit; the names are ONNX's own, spelled as NumPy does. */
export type DType = 'float32' | 'float16' | 'float64' | 'int32' | 'int64' | 'uint32' | 'uint8' | 'bool';

/**
 * One extent of a shape: a number, or a symbol such as `'N'` that is bound when the model runs. Axes that became one
 * have a product of theirs, `'8*N'`.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export type TensorData =
  Float32Array | Float64Array | Int32Array | Uint32Array | BigInt64Array | Uint8Array | Uint16Array;

/** A constant tensor, row-major. `bool` is stored as bytes 0 and 1, `float16` as its 16-bit pattern. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

const arrayOf = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint32: Uint32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** The integers that a type holds: from the first up to the second, which is none of them. */
const integersOf: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  int32: [-(2 ** 31), 2 ** 31],
  int64: [-(2 ** 63), 2 ** 63],
  uint32: [0, 2 ** 32],
  uint8: [0, 2 ** 8],
  bool: [0, 2],
};

/** Refuses what is no element type; JavaScript lets any text through. */
export function checkDType(dtype: DType): void {
  if (!Object.hasOwn(arrayOf, dtype))
    refuse(`element type ${dtype} must be one of ${Object.keys(arrayOf).join(', ')}`);
}

/** Refuses a number that an integer type would wrap or cut off. Floats round, as they always do. */
export function checkElement(dtype: DType, value: number): void {
  const range = integersOf[dtype];
  if (range && !(Number.isInteger(value) && value >= range[0] && value < range[1]))
    refuse(`number ${value} must be one that ${dtype} holds`);
}

/** Size of one element in bytes. */
export function bytesPerElement(dtype: DType): number {
  return arrayOf[dtype].BYTES_PER_ELEMENT;
}

/** A zeroed typed array that holds `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TensorData {
  return new arrayOf[dtype](length);
}

/** A tensor from plain numbers; `shape` defaults to a vector of their count. */
export function tensor(
  dtype: DType,
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor {
  return inNameOf('tensor', '', () => {
    checkDType(dtype);
    if (shape.reduce((a, b) => a * b, 1) !== values.length)
      refuse(`${values.length} elements must fill shape [${shape.join(', ')}]`);
    const data = allocate(dtype, values.length);
    for (let i = 0; i < values.length; i++) {
      checkElement(dtype, values[i]!);
      if (data instanceof BigInt64Array) data[i] = BigInt(values[i]!);
      else data[i] = dtype === 'float16' ? halfBits(values[i]!) : values[i]!;
    }
    return { dtype, shape, data };
  });
}

/** IEEE 754 half precision pattern of a number, rounded to nearest even. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  // Halfway between the largest half, 65504, and the next power of two.
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(Math.floor(Math.log2(size || Number.MIN_VALUE)), -14);
  const ulp = 2 ** (exponent - 10);
  const steps = size / ulp;
  const floor = Math.floor(steps);
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1);
  // A carry out of the fraction moves into the exponent by itself; subnormals have exponent field 0.
  return sign | ((exponent + 14) * 1024 + floor + (up ? 1 : 0));
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float16' || dtype === 'float64';
}
