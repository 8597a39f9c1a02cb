import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { onFile, readBytes } from '../artifacts/files.ts';
import { decodeMetadata } from '../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { readModelInfo } from '../artifacts/onnx/decode.ts';
import { RunFolder } from '../artifacts/run-folder.ts';

const expected = 'expected the generator.onnx of a ganx run';

export interface GeneratorFile {
  /** What messages call it. */
  readonly source: string;
  readonly bytes: Uint8Array;
  readonly metadata: GeneratorMetadata;
}

/**
 * A generator from a file, from the folder of a run, or from bytes.
 *
 * @throws InputError naming the file, what it is instead and what was expected.
 */
export async function readGenerator(pathOrBytes: string | Uint8Array): Promise<GeneratorFile> {
  const fromFile = typeof pathOrBytes === 'string';
  const source = fromFile ? await locate(pathOrBytes) : 'generator';
  const bytes = fromFile ? await readBytes(source) : pathOrBytes;
  try {
    return { source, bytes, metadata: decodeMetadata(readModelInfo(bytes, source), source) };
  } catch (error) {
    throw withExpected(error);
  }
}

const withExpected = (error: unknown): unknown =>
  error instanceof InputError ? new InputError(`${error.message}; ${expected}`, { cause: error }) : error;

async function locate(path: string): Promise<string> {
  const found = await onFile('read', path, () => stat(path));
  if (found.isDirectory()) return locateInRun(path);
  if (!found.isFile()) throw new InputError(`${path}: is no regular file; ${expected}`);
  // A protobuf message ends there, so it cannot be a model.
  if (found.size >= 2 ** 31)
    throw new InputError(
      `${path}: ${(found.size / 2 ** 30).toFixed(1)} GiB is more than a model can have; ${expected}`,
    );
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
