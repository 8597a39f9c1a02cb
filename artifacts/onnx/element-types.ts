import type { DType } from '../../graph-builder/types.ts';

// Runs in browsers too: no Node, no protobuf library.

/** Element types as TensorProto numbers them; a DType is spelled as in the graph builder. */
const numberOf: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};

/** Types that foreign models may have and ganx does not compute with. */
const foreign: Readonly<Record<number, string>> = {
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  8: 'string',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
};

const dtypes = new Map(Object.entries(numberOf).map(([dtype, number]) => [number, dtype as DType]));

export const elementType = (dtype: DType): number => numberOf[dtype];

/** The DType of a TensorProto number; undefined for the types ganx does not have. */
export const dtypeOf = (number: number): DType | undefined => dtypes.get(number);

/** Name of any TensorProto element type, for people. */
export const elementTypeName = (number: number): string =>
  dtypes.get(number) ?? foreign[number] ?? `type ${number}`;

/** The DType of a name; undefined for the types ganx does not have. */
export const elementTypeOf = (name: string): DType | undefined =>
  Object.hasOwn(numberOf, name) ? (name as DType) : undefined;
