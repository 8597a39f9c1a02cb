import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../artifacts/errors.ts';
import { onFile, readBytes } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { expected, withExpected } from './generator-file.ts';
import { checkSize, readSource } from './source.ts';
import type { ModelBytes, ModelSource, SourceOptions } from './source.ts';

/**
 * A model from a file, from the folder of a run (its generator), from the web or from memory.
 *
 * @param name what messages call a model that has no name of its own
 * @throws InputError naming the file or address and why it cannot be had.
 */
export async function readModel(
  source: ModelSource,
  name: string,
  options: SourceOptions,
): Promise<ModelBytes> {
  const path = pathOf(source);
  if (path === undefined) return readSource(source, name, options);
  if (path.includes('\0')) throw new InputError(`${name}: ${JSON.stringify(path)} is no path; ${expected}`);
  const file = await locate(path);
  return { bytes: await readBytes(file), source: file };
}

/** The path that a source is; undefined where it is none. */
function pathOf(source: ModelSource): string | undefined {
  if (typeof source !== 'string' && !(source instanceof URL)) return undefined;
  if (/^file:/i.test(String(source))) return pathOfUrl(source);
  return source instanceof URL || /^(https?|data|blob):/i.test(source) ? undefined : source;
}

function pathOfUrl(url: string | URL): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new InputError(`${String(url)}: is no path of this machine (${(cause as Error).message})`, {
      cause,
    });
  }
}

/** encoder.onnx of a run's folder, where that is the source and has one. */
export async function encoderBeside(source: ModelSource): Promise<string | undefined> {
  const path = pathOf(source);
  if (path === undefined) return undefined;
  const encoder = join(path, 'encoder.onnx');
  const found = await stat(encoder).catch(() => undefined);
  return found?.isFile() ? encoder : undefined;
}

async function locate(path: string): Promise<string> {
  const found = await onFile('read', path, () => stat(path));
  if (found.isDirectory()) return locateInRun(path);
  if (!found.isFile()) throw new InputError(`${path}: is no regular file; ${expected}`);
  checkSize(path, found.size);
  return path;
}

async function locateInRun(path: string): Promise<string> {
  const generator = join(path, 'generator.onnx');
  const isThere = await stat(generator).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isThere) return generator;
  const run = await RunFolder.open(path).catch((error: unknown) => {
    throw withExpected(error);
  });
  const last = (await run.readVerdicts()).at(-1);
  throw new InputError(
    `${path}: the run has no generator.onnx${
      last?.rule === 'divergence' && last.rolledBackTo === undefined
        ? `: it diverged at step ${last.step}, before its first checkpoint; verdicts.jsonl there says what to try`
        : ' yet; it is written when training ends'
    }`,
  );
}
