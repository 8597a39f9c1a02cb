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
  const file = await locate(path);
  return { bytes: await readBytes(file), source: file };
}

/** The path that a source is; undefined where it is none. */
function pathOf(source: ModelSource): string | undefined {
  if (typeof source === 'string') return /^(https?|data):/i.test(source) ? undefined : source;
  return source instanceof URL && source.protocol === 'file:' ? fileURLToPath(source) : undefined;
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
