import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { decodeSafetensors, encodeSafetensors } from '../../artifacts/safetensors.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';
import { python, pythonLacks } from './python.ts';

const everyType = (): Map<string, Tensor> =>
  new Map<string, Tensor>([
    ['mask', tensor('bool', [1, 0, 1])],
    ['generator/weight', tensor('float32', [1.5, -0, 3e38, 1e-45], [2, 2])],
    ['bytes', tensor('uint8', [255])],
    ['step', { dtype: 'int64', shape: [], data: BigInt64Array.of(-(2n ** 62n)) }],
    ['double', tensor('float64', [Math.PI])],
    ['half', { dtype: 'float16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 1) }],
    ['seed', tensor('int32', [-1])],
    ['bits', tensor('uint32', [2 ** 32 - 1])],
    ['empty', tensor('float32', [], [0, 4])],
    ['名', tensor('float32', [7])],
  ]);

/** A file with this header, written as text, and so many bytes of data. */
function file(header: string | Uint8Array, dataBytes = 0, length?: number | bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (start: number, end: number, shape = [(end - start) / 4], dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [start, end] });

describe('safetensors', () => {
  test('round trip of every type, in order, bit for bit', () => {
    const tensors = everyType();
    const read = decodeSafetensors(encodeSafetensors(tensors, { format: 'ganx' }), 's');
    expect([...read.tensors]).toEqual([...tensors]);
    expect(Object.is((read.tensors.get('generator/weight')!.data as Float32Array)[1], -0)).toBe(true);
    expect(read.metadata).toEqual({ format: 'ganx' });
  });

  test('the data is aligned and the same tensors give the same bytes', () => {
    const bytes = encodeSafetensors(everyType());
    expect(encodeSafetensors(everyType())).toEqual(bytes);
    const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(header % 8).toBe(0);
    const entries = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header))) as Record<
      string,
      { data_offsets: [number, number] }
    >;
    for (const [name, { data }] of everyType())
      expect(entries[name]!.data_offsets[0] % data.BYTES_PER_ELEMENT, name).toBe(0);
  });

  test('a view into a larger buffer is written alone, and unaligned bytes are read', () => {
    const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    const bytes = encodeSafetensors(new Map([['w', { dtype: 'float32', shape: [2], data: view }]]));
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeSafetensors(shifted.subarray(1), 's').tensors.get('w')!.data).toEqual(Float32Array.of(1, 2));
  });

  test('refuses a tensor named as the metadata', () => {
    expect(() => encodeSafetensors(new Map([['__metadata__', tensor('float32', [1])]]))).toThrow(
      'a tensor must not be named "__metadata__"',
    );
  });

  test.each<[string, Uint8Array, string]>([
    ['a short file', new Uint8Array(5), 'not a safetensors file (5 bytes; the header length alone takes 8)'],
    ['a tiny header', file('{}', 0, 1), 'not a safetensors file (header length 1 is too small to hold {})'],
    [
      'a huge header',
      file('{}', 0, 2n ** 63n),
      'not a safetensors file (header length 9223372036854775808 is over the limit of 100000000)',
    ],
    [
      'a header beyond the file',
      file('{}', 0, 3),
      'not a safetensors file (header length 3 does not fit a file of 10 bytes; the file is cut short)',
    ],
    ['bad UTF-8', file(Uint8Array.of(0x7b, 0xff, 0x7d)), 'not a safetensors file (its header is not UTF-8)'],
    ['a list', file('[1]'), 'not a safetensors file (its header is not a JSON object)'],
    [
      'bad metadata',
      file('{"__metadata__":{"a":1}}'),
      'not a safetensors file (its __metadata__ must map strings to strings)',
    ],
    [
      'a missing field',
      file('{"w":{"dtype":"F32","shape":[1]}}', 4),
      'not a safetensors file (tensor "w" needs dtype, shape and data_offsets)',
    ],
    [
      'a negative extent',
      file(`{"w":${entry(0, 4, [-1])}}`, 4),
      'not a safetensors file (tensor "w" needs dtype, shape and data_offsets)',
    ],
    [
      'a duplicate name',
      file(`{"w":${entry(0, 4)},"x":{"w":1,"w":2},"\\u0077" :${entry(0, 4)}}`, 4),
      'not a safetensors file (its header names "w" twice)',
    ],
    [
      'an unknown dtype',
      file(`{"w":${entry(0, 4, [2], 'BF16')}}`, 4),
      'tensor "w" has dtype BF16, must be one of F32, F16, F64, I32, I64, U32, U8, BOOL',
    ],
    [
      'a wrong size',
      file(`{"w":${entry(0, 8, [3])}}`, 8),
      'tensor "w" has 8 bytes, F32 of shape [3] needs 12',
    ],
    [
      'cut data',
      file(`{"w":${entry(0, 8)}}`, 7),
      'tensor "w" ends at byte 8 of the data, which has 7; the file is cut short',
    ],
    [
      'an overlap',
      file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12),
      'tensors "a" and "b" overlap at byte 4 of the data',
    ],
    [
      'a hole',
      file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12),
      'bytes 4 to 8 of the data, before tensor "b", belong to no tensor',
    ],
    ['trailing bytes', file(`{"a":${entry(0, 4)}}`, 6), '2 bytes follow the last tensor and belong to none'],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'state.safetensors')).toThrow(
      new InputError(`state.safetensors: ${message}`),
    );
  });

  test('refuses what is no JSON, on one line', () => {
    expect(() => decodeSafetensors(file('{\n"a":'), 's')).toThrow(
      /^s: not a safetensors file \(its header is not JSON: .+\)$/,
    );
  });

  const lacks = pythonLacks('safetensors.numpy', 'numpy');
  test.skipIf(lacks !== undefined)(`round trip through Python${lacks ? ` (skipped: ${lacks})` : ''}`, () => {
    const program = `
import base64
from safetensors import safe_open
from safetensors.numpy import save
with safe_open('in.safetensors', 'np') as f:
    metadata = f.metadata()
    tensors = {name: f.get_tensor(name) for name in f.keys()}
print(base64.b64encode(save(tensors, metadata)).decode())`;
    const ours = encodeSafetensors(everyType(), { recipe: 'dcgan' });
    const theirs = Buffer.from(python(program, { 'in.safetensors': ours }), 'base64');
    const read = decodeSafetensors(theirs, 'python');
    expect(read.metadata).toEqual({ recipe: 'dcgan' });
    expect(read.tensors).toEqual(everyType());
  });
});
