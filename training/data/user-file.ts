import { constants } from 'node:buffer';
import { open, readFile, stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { constants as zlibConstants, gunzipSync } from 'node:zlib';
import { InputError } from '../../artifacts/errors.ts';

/** An InputError that says in plain words why the file system refused `path`. */
export function fileError(path: string, cause: unknown): InputError {
  if (cause instanceof InputError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const reasons: Record<string, string> = {
    ENOENT: 'no such file or folder',
    ENOTDIR: 'no such file or folder',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    ELOOP: 'a symbolic link that leads back to itself',
    EMFILE: 'too many open files',
    ERR_FS_FILE_TOO_LARGE: 'larger than 2 GiB',
  };
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new InputError(`${path}: ${reason}`, { cause });
}

/** Whether `path` exists, be it readable or not. */
export async function pathExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''),
  );
}

/** The whole file. @throws InputError when it cannot be read. */
export async function readUserFile(path: string): Promise<Uint8Array> {
  try {
    // A pipe or a device could block the read for ever, or never end.
    if (!(await stat(path)).isFile()) throw new InputError(`${path}: not a regular file`);
    return await readFile(path);
  } catch (error) {
    throw fileError(path, error);
  }
}

/** The first bytes of a file, at most `length`, as they are stored. @throws InputError when it cannot be read. */
export async function readHead(path: string, length = 4096): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(path, error);
  }
}

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
