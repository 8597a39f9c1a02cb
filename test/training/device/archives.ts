import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface LibrarySpec {
  readonly needed?: readonly string[];
  /** Compiled in as onnxruntime does. */
  readonly version?: string;
  /** ELF's number: 62 is x64, 183 arm64. */
  readonly machine?: number;
}

/** A shared library of Linux with headers and nothing to run: as much of one as a loader needs to look for others. */
export function library({ needed = [], version = '', machine = 62 }: LibrarySpec = {}): Buffer {
  const strings = Buffer.from(`\0${needed.join('\0')}\0`, 'latin1');
  const [headers, size, entries] = [64, 56, needed.length + 3];
  const stringsAt = headers + 2 * size;
  const dynamicAt = stringsAt + strings.length;
  const end = dynamicAt + 16 * entries;
  const file = Buffer.alloc(end + 64);
  file.write('7f454c46020101', 0, 'hex');
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(BigInt(headers), 32);
  file.writeUInt16LE(size, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, length: number) => {
    file.writeUInt32LE(type, at);
    for (const [place, value] of [
      [8, offset],
      [16, offset],
      [32, length],
      [40, length],
    ] as const)
      file.writeBigUInt64LE(BigInt(value), at + place);
  };
  segment(headers, 1, 0, file.length);
  segment(headers + size, 2, dynamicAt, 16 * entries);
  strings.copy(file, stringsAt);
  const dynamic = [
    ...needed.map((name) => [1, strings.indexOf(`\0${name}\0`) + 1]),
    [5, stringsAt],
    [10, strings.length],
    [0, 0],
  ];
  dynamic.forEach(([tag, value], i) => {
    file.writeBigUInt64LE(BigInt(tag!), dynamicAt + 16 * i);
    file.writeBigUInt64LE(BigInt(value!), dynamicAt + 16 * i + 8);
  });
  file.write(`\0${version}\0`, end + 1, 'latin1');
  return file;
}

export type Files = Readonly<Record<string, Uint8Array>>;

export function zip(files: Files): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const [packed, path] = [deflateRawSync(data), Buffer.from(name)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(path.length, 22);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    common.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, path);
    const local = Buffer.concat([Buffer.from('504b0304', 'hex'), common, path, packed]);
    parts.push(local);
    offset += local.length;
  }
  const table = Buffer.concat(directory);
  const tail = Buffer.alloc(22);
  tail.writeUInt32LE(0x06054b50, 0);
  tail.writeUInt16LE(parts.length, 8);
  tail.writeUInt16LE(parts.length, 10);
  tail.writeUInt32LE(table.length, 12);
  tail.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, table, tail]);
}

export async function tarGz(files: Files): Promise<Buffer> {
  const archive = pack();
  for (const [name, data] of Object.entries(files)) archive.entry({ name }, Buffer.from(data));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}
