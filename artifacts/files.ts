import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from './errors.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Causes in words of ours; those that are missing here have the system's. */
const causes: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'disk quota exceeded',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'it is a folder',
  ENOENT: 'no such file or folder',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
  ELOOP: 'a symbolic link leads back to itself',
  EPIPE: 'nothing reads it any more',
  ERR_FS_FILE_TOO_LARGE: 'larger than 2 GiB',
};

/** The error's code, such as ENOENT, of an error of the file system. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

/** Why the system refused something, in words; undefined where an error is not the system's but a fault of ours. */
export function systemCause(error: unknown): string | undefined {
  const code = errorCode(error) ?? '';
  // Such as "EIO: i/o error, read".
  const words = causes[code] ?? /^E[A-Z0-9]+: ([^,\n]+)/.exec((error as Error).message)?.[1];
  return words === undefined ? undefined : `${words} (${code})`;
}

/** Runs a file operation; an error of the system becomes an InputError that names the path and the cause. */
export async function onFile<T>(action: 'read' | 'write', path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw fileError(action, path, error);
  }
}

/** An error of the system as an InputError that names the path and the cause; any other as it is. */
export function fileError(action: 'read' | 'write', path: string, error: unknown): Error {
  const cause = systemCause(error);
  if (cause === undefined) return error as Error;
  return new InputError(`${path || '""'}: cannot ${action}: ${cause}`, { cause: error });
}

/** Makes a folder and those above it; returns the topmost one that was new. */
export const makeFolder = (path: string): Promise<string | undefined> =>
  onFile('write', path, () => makeFolders(resolve(path)));

/** Node's own recursion never ends where a folder that is there answers ENOENT, as /proc does. */
async function makeFolders(path: string): Promise<string | undefined> {
  if (await isFolder(path)) return undefined;
  const made = dirname(path) === path ? undefined : await makeFolders(dirname(path));
  try {
    await mkdir(path);
  } catch (error) {
    // Another process may have been faster.
    if (errorCode(error) !== 'EEXIST' || !(await isFolder(path))) throw error;
  }
  return made ?? path;
}

export const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** @throws InputError where it cannot be told, such as below a folder that may not be entered */
export const pathExists = (path: string): Promise<boolean> =>
  onFile('read', path, async () => {
    try {
      await stat(path);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
      throw error;
    }
  });

/**
 * A name beside `path` for what is not finished: hidden and random. The number of the process would not make it unique:
 * in containers it is 1 each time.
 */
export const temporaryBeside = (path: string, ending = 'tmp'): string =>
  join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.${ending}`);

/**
 * Removes what processes that were killed have left unfinished in a folder, where no other process writes now. What
 * cannot be removed takes room, and does no other harm.
 */
export async function removeTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (/^\..+\.[\da-f]{16}\.tmp$/.test(name))
      await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
}

/**
 * Writes a whole file or nothing: under another name in the same folder, flushed to the disk, then renamed.
 *
 * @throws InputError where the place cannot be written.
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = temporaryBeside(path);
  await onFile('write', path, async () => {
    try {
      await writeFlushed(temporary, 'wx', data);
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await flushFolder(dirname(path));
  });
}

/** Appends a line, or several, in one write, so that a crash can cut only the last line. */
export async function appendLine(path: string, line: string): Promise<void> {
  await onFile('write', path, async () => {
    const file = await open(path, 'a');
    try {
      await file.write(`${line}\n`);
    } finally {
      await file.close();
    }
  });
}

/** Writes to the disk, not only to the system's cache; its errors are the system's own. */
export async function writeFlushed(
  path: string,
  flags: 'w' | 'wx',
  data: Uint8Array | string,
): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename last through a power cut, where the system lets folders be flushed (Windows does not). */
export async function flushFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    // The rename itself is done; only its durability was asked for.
  }
}

export const readBytes = (path: string): Promise<Uint8Array> => onFile('read', path, () => readFile(path));
export const readText = (path: string): Promise<string> => onFile('read', path, () => readFile(path, 'utf8'));

/** The first bytes of a file, at most `length`. */
export const readHead = (path: string, length = 4096): Promise<Uint8Array> =>
  onFile('read', path, async () => {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  });

/** Indented, as files are that people read. */
export const toJson = (value: JsonValue): string => `${JSON.stringify(value, null, 2)}\n`;

/** Writes indented JSON, whole or not at all. */
export const writeJson = (path: string, value: JsonValue): Promise<void> =>
  writeFileAtomic(path, toJson(value));

/** @throws InputError where the file cannot be read or holds no JSON object. */
export const readJsonObject = async (path: string): Promise<JsonObject> =>
  parseJsonObject(await readText(path), path);

/** @throws InputError naming `path` where the text is no JSON object. */
export function parseJsonObject(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: not valid JSON (${oneLine((error as Error).message)})`, { cause: error });
  }
  if (!isJsonObject(value)) throw new InputError(`${path}: must hold a JSON object, not ${kindOf(value)}`);
  return value;
}

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const kindOf = (value: unknown) =>
  Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`;
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');
