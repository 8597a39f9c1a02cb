import { rm } from 'node:fs/promises';
import { InputError } from './errors.ts';
import { errorCode, onFile, readText, writeFileAtomic } from './files.ts';
import type { JsonValue } from './files.ts';

/**
 * The values of a file that has one a line, as JSON; none where there is no file. A last line without its end is that of
 * a crash, or is being written, and is left out.
 *
 * @param noun what a value is, for messages
 * @param check gives undefined, or throws, for what is no such value
 * @throws InputError naming the line that is none
 */
export async function readJsonLines<T>(
  path: string,
  noun: string,
  check: (value: unknown) => T | undefined,
): Promise<T[]> {
  const lines = (await textOf(path)).split('\n').slice(0, -1);
  return lines.map((line, i) => {
    const value = parse(line, check);
    if (value === undefined)
      throw new InputError(
        `${path}: line ${i + 1} is no ${noun} (${JSON.stringify(line.slice(0, 60))}); take it out, nothing else depends on it`,
      );
    return value;
  });
}

/** Writes such a file anew; without values there is none. */
export async function writeJsonLines(path: string, values: readonly JsonValue[]): Promise<void> {
  if (values.length)
    await writeFileAtomic(path, values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  else await onFile('write', path, () => rm(path, { force: true }));
}

/** Cuts off a last line without its end, in which the next one would go on. */
export async function cutTornLine(path: string): Promise<void> {
  const text = await textOf(path);
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole !== text) await writeFileAtomic(path, whole);
}

const textOf = (path: string) =>
  readText(path).catch((error: unknown) => {
    if (error instanceof InputError && errorCode(error.cause) === 'ENOENT') return '';
    throw error;
  });

function parse<T>(line: string, check: (value: unknown) => T | undefined): T | undefined {
  try {
    return check(JSON.parse(line));
  } catch {
    return undefined;
  }
}
