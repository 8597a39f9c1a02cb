import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { InputError } from '../../../artifacts/errors.ts';
import { fileError } from '../../../artifacts/files.ts';

/** What the headers of a shared library of Linux say. */
export interface SharedLibrary {
  /** As `process.arch` has it, or the number of the ELF specification. */
  readonly arch: string;
  /** Names of the libraries that the loader brings along, such as `libcublas.so.13`. */
  readonly needed: readonly string[];
}

const architectures: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };

/** Numbers of the ELF specification. */
const segment = { load: 1, dynamic: 2 } as const;
const tag = { end: 0, needed: 1, strings: 5 } as const;

/**
 * Reads the headers alone, wherever in the file they are.
 *
 * @throws InputError where the file cannot be read, is no 64-bit library of Linux, or is cut short
 */
export function readSharedLibrary(path: string): SharedLibrary {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  try {
    const { size } = fstatSync(file);
    return parse(path, size, (offset, length) => {
      if (offset + length > size) throw new InputError(`${path}: is cut short, at ${size} bytes`);
      const bytes = Buffer.alloc(length);
      readSync(file, bytes, 0, length, offset);
      return bytes;
    });
  } finally {
    closeSync(file);
  }
}

type Read = (offset: number, length: number) => Buffer;

function parse(path: string, size: number, read: Read): SharedLibrary {
  const header = size < 64 ? Buffer.alloc(64) : read(0, 64);
  // The magic number, 64 bits, little-endian; and the type of a shared library.
  if (header.readUInt32BE(0) !== 0x7f454c46 || header.readUInt16BE(4) !== 0x0201 || header[16] !== 3)
    throw new InputError(`${path}: is no 64-bit shared library of Linux`);
  const machine = header.readUInt16LE(18);
  // Sections come last in a file, so that they tell whether all of it is there.
  read(Number(header.readBigUInt64LE(40)), header.readUInt16LE(58) * header.readUInt16LE(60));

  const [each, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
  const table = read(Number(header.readBigUInt64LE(32)), each * count);
  const segments = Array.from({ length: count }, (_, i) => ({
    type: table.readUInt32LE(i * each),
    offset: Number(table.readBigUInt64LE(i * each + 8)),
    address: Number(table.readBigUInt64LE(i * each + 16)),
    length: Number(table.readBigUInt64LE(i * each + 32)),
  }));

  const dynamic = segments.find(({ type }) => type === segment.dynamic);
  const entries = dynamic ? dynamicEntries(read(dynamic.offset, dynamic.length)) : [];
  const strings = entries.find(([key]) => key === tag.strings)?.[1] ?? 0;
  const home = segments.find(
    ({ type, address, length }) => type === segment.load && strings >= address && strings < address + length,
  );
  const text = (offset: number) => {
    const start = strings - home!.address + home!.offset + offset;
    const bytes = read(start, Math.min(256, size - start));
    return bytes.toString('latin1', 0, bytes.indexOf(0));
  };
  const needed = home ? entries.flatMap(([key, value]) => (key === tag.needed ? [text(value)] : [])) : [];
  return { arch: architectures[machine] ?? String(machine), needed };
}

function dynamicEntries(bytes: Buffer): [key: number, value: number][] {
  const entries: [number, number][] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const key = Number(bytes.readBigInt64LE(at));
    if (key === tag.end) break;
    entries.push([key, Number(bytes.readBigUInt64LE(at + 8))]);
  }
  return entries;
}
