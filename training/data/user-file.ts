import { constants } from 'node:buffer';
import { readFile, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { constants as zlibConstants, gunzipSync } from 'node:zlib';
import { InputError } from '../../artifacts/errors.ts';
import { onFile } from '../../artifacts/files.ts';

/** The whole file. @throws InputError when it cannot be read. */
export const readUserFile = (path: string): Promise<Uint8Array> =>
  onFile('read', path, async () => {
    // A pipe or a device could block the read for ever, or never end.
    if (!(await stat(path)).isFile()) throw new InputError(`${path}: not a regular file`);
    return readFile(path);
  });

/** Whether `bytes` begin a gzip stream. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** What the beginning of a gzip stream unpacks to; empty when it is damaged. */
export function gunzipHead(head: Uint8Array): Uint8Array {
  try {
    return gunzipSync(head, { finishFlush: zlibConstants.Z_SYNC_FLUSH });
  } catch {
    return new Uint8Array(0);
  }
}

/** @throws InputError when `count` samples of `sampleBytes` bytes each cannot be held in memory. */
export function checkMemory(name: string, count: number, sampleBytes: number): void {
  const bytes = count * sampleBytes;
  if (bytes > Math.min(constants.MAX_LENGTH, totalmem())) {
    const gigabytes = (bytes / 2 ** 30).toFixed(1);
    throw new InputError(
      `${name}: ${count} images of this size need ${gigabytes} GiB of memory; lower the size`,
    );
  }
}
