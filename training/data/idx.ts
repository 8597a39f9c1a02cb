import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { InputError } from '../../artifacts/errors.ts';
import { describeHead } from './file-types.ts';
import { isGzip, readUserFile } from './user-file.ts';

/** The content of an IDX file of uint8 values, the format of MNIST. */
export interface Idx {
  readonly shape: readonly number[];
  /** prod(shape) values, row-major. */
  readonly data: Uint8Array;
}

const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  0x08: 'uint8',
  0x09: 'int8',
  0x0b: 'int16',
  0x0c: 'int32',
  0x0d: 'float32',
  0x0e: 'float64',
};

const MEANING: Readonly<Record<number, string>> = { 1: 'labels', 3: 'images x height x width' };

/**
 * Reads an IDX file, plain or gzipped, of `rank` 3 (images) or 1 (labels).
 * @throws InputError that names the file, what was found and what was expected.
 */
export async function readIdx(path: string, rank: 1 | 3): Promise<Idx> {
  const stored = await readUserFile(path);
  return parseIdx(path, isGzip(stored) ? await unpack(path, stored) : stored, rank);
}

async function unpack(path: string, stored: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(stored);
  } catch (error) {
    throw new InputError(`${path}: corrupt gzip file: ${(error as Error).message}`, { cause: error });
  }
}

/** Parses IDX bytes, see `readIdx`. Sizes in messages are those of the unpacked bytes. */
function parseIdx(path: string, bytes: Uint8Array, rank: 1 | 3): Idx {
  if (bytes.length === 0) throw new InputError(`${path}: empty file, expected an IDX file`);
  const expected = `00 00 08 0${rank}`;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) {
    throw new InputError(
      `${path}: not an IDX file: begins with ${describeHead(bytes)}, expected ${expected}`,
    );
  }
  if (bytes[2] !== 0x08) {
    const code = bytes[2]!;
    const type = `0x${code.toString(16).padStart(2, '0')} (${ELEMENT_TYPES[code] ?? 'unknown'})`;
    throw new InputError(`${path}: IDX element type ${type}, expected 0x08 (uint8)`);
  }
  if (bytes[3] !== rank) {
    const found = MEANING[bytes[3]!];
    throw new InputError(
      `${path}: IDX rank ${bytes[3]!}${found ? ` (${found})` : ''}, expected rank ${rank} (${MEANING[rank]!})`,
    );
  }
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw new InputError(`${path}: truncated: ${bytes.length} bytes, expected a header of ${header} bytes`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((a, b) => a * b, 1);
  const wanted = `expected ${header + size} bytes for ${shape.join(' x ')} values`;
  if (size === 0) throw new InputError(`${path}: holds no values: its shape is ${shape.join(' x ')}`);
  if (bytes.length < header + size)
    throw new InputError(`${path}: truncated: ${bytes.length} bytes, ${wanted}`);
  if (bytes.length > header + size) {
    throw new InputError(
      `${path}: ${bytes.length - header - size} trailing bytes: ${bytes.length}, ${wanted}`,
    );
  }
  return { shape, data: bytes.subarray(header) };
}
