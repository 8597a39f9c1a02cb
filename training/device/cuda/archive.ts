import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import yauzl from 'yauzl';
import { InputError } from '../../../artifacts/errors.ts';
import { onFile, readHead, systemCause } from '../../../artifacts/files.ts';
import { isGzip } from '../../data/user-file.ts';

/** Told of every part of a file that is written: bytes so far, of how many. */
export type OnBytes = (name: string, done: number, total: number) => void;

export interface Unpack {
  /** Names of files, without folders. */
  readonly names: readonly string[];
  readonly into: string;
  /** Called with a file's size before it is written; what it throws ends the unpacking. */
  readonly reserve: (bytes: number) => Promise<void>;
  readonly onBytes: OnBytes;
  readonly signal: AbortSignal | undefined;
}

/**
 * Copies files out of a wheel, a NuGet package, a tar.gz or a folder, by their names alone.
 *
 * @throws InputError naming `source` where it is none of these, is damaged, or holds not all of them
 */
export async function unpack(source: string, task: Unpack): Promise<void> {
  const found = await unpackAny(source, task);
  const missing = task.names.filter((name) => !found.has(name));
  if (missing.length)
    throw new InputError(
      `${source}: holds no ${missing.join(' and no ')}; expected a wheel of onnxruntime-gpu, a NuGet package Microsoft.ML.OnnxRuntime.Gpu.Linux, a GPU release of onnxruntime as tar.gz, or a folder with both libraries`,
    );
}

async function unpackAny(source: string, task: Unpack): Promise<Set<string>> {
  if ((await onFile('read', source, () => stat(source))).isDirectory()) return unpackFolder(source, task);
  const head = await readHead(source, 4);
  if (head[0] === 0x50 && head[1] === 0x4b) return unpackWith(source, zipEntries, task);
  if (isGzip(head)) return unpackWith(source, tarEntries, task);
  throw new InputError(`${source}: is neither a folder nor a zip archive (.whl, .nupkg) nor a tar.gz`);
}

/** Where the libraries lie in an installed package, an unpacked archive, and an environment of Python. */
const places = ['', 'lib', 'capi', 'onnxruntime/capi', 'runtimes/linux-x64/native'];

async function unpackFolder(folder: string, task: Unpack): Promise<Set<string>> {
  const found = new Set<string>();
  for (const name of task.names)
    for (const place of places) {
      const path = join(folder, place, name);
      const size = await stat(path).then(
        (file) => file.size,
        () => undefined,
      );
      if (size === undefined) continue;
      await save({ name, size, open: () => Promise.resolve(createReadStream(path)) }, path, task);
      found.add(name);
      break;
    }
  return found;
}

interface Entry {
  readonly name: string;
  readonly size: number;
  /** Of the content; undefined where the archive has none. */
  readonly crc?: number;
  readonly open: () => Promise<Readable>;
}

type Entries = (path: string, wanted: (path: string) => boolean) => AsyncIterable<Entry>;

async function unpackWith(source: string, entriesOf: Entries, task: Unpack): Promise<Set<string>> {
  const found = new Set<string>();
  const wanted = (path: string) =>
    task.names.includes(posix.basename(path)) && !found.has(posix.basename(path));
  try {
    for await (const entry of entriesOf(source, wanted)) {
      await save(entry, source, task);
      found.add(entry.name);
      if (found.size === task.names.length) break;
    }
  } catch (cause) {
    if (cause instanceof InputError || task.signal?.aborted) throw cause;
    throw new InputError(`${source}: is a damaged archive (${(cause as Error).message})`, { cause });
  }
  return found;
}

async function save({ name, size, crc, open }: Entry, source: string, task: Unpack): Promise<void> {
  await task.reserve(size);
  const path = join(task.into, name);
  let done = 0;
  let sum = 0;
  const count = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      if (crc !== undefined) sum = crc32(chunk, sum);
      task.onBytes(name, (done += chunk.length), size);
      yield chunk;
    }
  };
  try {
    await pipeline(await open(), count, createWriteStream(path, { flags: 'wx', mode: 0o755, flush: true }), {
      signal: task.signal,
    });
  } catch (cause) {
    // Not the archive's fault: the disk, or rights.
    const words = systemCause(cause);
    if (words === undefined) throw cause;
    throw new InputError(`${basename(source)}: cannot unpack to ${path}: ${words}`, { cause });
  }
  if (crc !== undefined && sum !== crc) throw new Error(`the checksum of ${name} is wrong`);
}

async function* zipEntries(path: string, wanted: (path: string) => boolean): AsyncGenerator<Entry> {
  const zip = await yauzl.openPromise(path);
  try {
    for await (const entry of zip.eachEntry())
      if (wanted(entry.fileName))
        yield {
          name: posix.basename(entry.fileName),
          size: entry.uncompressedSize,
          crc: entry.crc32,
          open: () => zip.openReadStreamPromise(entry),
        };
  } finally {
    zip.close();
  }
}

async function* tarEntries(path: string, wanted: (path: string) => boolean): AsyncGenerator<Entry> {
  const archive = extract();
  const reading = pipeline(createReadStream(path), createGunzip(), archive);
  // Its error comes out of the entries too, and where nobody wants more of them it is none.
  reading.catch(() => undefined);
  for await (const entry of archive) {
    const { name, size, type } = entry.header;
    if (type !== 'file' || !wanted(name)) {
      entry.resume();
      continue;
    }
    yield { name: posix.basename(name), size, open: () => Promise.resolve(entry as unknown as Readable) };
  }
}
