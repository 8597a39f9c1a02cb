import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { loadCheckpoint } from '../artifacts/checkpoint.ts';
import { InputError } from '../artifacts/errors.ts';
import { onFile, readBytes, readHead } from '../artifacts/files.ts';
import { decodeSafetensors } from '../artifacts/safetensors.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { examineModel } from './examine-model.ts';
import { examineRun } from './examine-run.ts';
import { oneLine } from './report.ts';
import type { Report, Row } from './report.ts';

const expected = 'expected an .onnx or .safetensors file, the folder of a run, or a checkpoint';

/**
 * Looks into anything that ganx writes, and into ONNX and safetensors files of others.
 *
 * @throws InputError naming the path, what it is instead and what was expected.
 */
export async function examine(path: string): Promise<Report> {
  const found = await onFile('read', path, () => stat(path));
  if (found.isDirectory()) return examineFolder(path);
  if (!found.isFile()) throw new InputError(`${path}: is no regular file; ${expected}`);
  if (found.size >= 2 ** 31)
    throw new InputError(
      `${path}: ${(found.size / 2 ** 30).toFixed(1)} GiB; only files below 2 GiB can be read`,
    );
  if (await looksLikeSafetensors(path)) return examineTensors(path);
  try {
    return examineModel(await readBytes(path), path);
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${error.message}; ${expected}`, { cause: error });
    throw error;
  }
}

async function examineFolder(path: string): Promise<Report> {
  const names = await onFile('read', path, () => readdir(path));
  if (
    names.includes('manifest.json') ||
    names.includes('state.safetensors') ||
    /^step-\d+$/.test(basename(path))
  )
    return examineCheckpoint(path);
  if (names.includes('recipe.json')) return examineRun(path);
  const sample = names.length ? names.sort().slice(0, 3).join(', ') : 'nothing';
  throw new InputError(`${path}: a folder that holds ${sample}; ${expected}`);
}

/** By its beginning: eight bytes of length, then JSON. A name that says so is believed, for the better message. */
export async function looksLikeSafetensors(path: string): Promise<boolean> {
  if (path.endsWith('.safetensors')) return true;
  const head = await readHead(path, 9);
  return head[8] === 0x7b && head.subarray(4, 8).every((byte) => byte === 0);
}

async function examineTensors(path: string): Promise<Report> {
  const { tensors, metadata } = decodeSafetensors(await readBytes(path), path);
  const list = describeTensors(tensors);
  return {
    what: `safetensors, ${list.length} tensors`,
    rows: [
      ['size', sizeOf(tensors)],
      ...Object.entries(metadata).map(([key, value]): Row => [key, value]),
      ['tensors', rowsOf(list)],
    ],
    facts: { type: 'safetensors', path, metadata, tensors: list },
  };
}

async function examineCheckpoint(path: string): Promise<Report> {
  const { step, manifest, tensors } = await loadCheckpoint(path);
  const list = describeTensors(tensors);
  return {
    what: `checkpoint of step ${step}, whole`,
    rows: [
      ['size', sizeOf(tensors)],
      ...Object.entries(manifest).map(([key, value]): Row => [key, oneLine(value)]),
      ['tensors', rowsOf(list)],
    ],
    facts: { type: 'checkpoint', path, step, manifest, tensors: list },
  };
}

interface TensorFact {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

const describeTensors = (tensors: ReadonlyMap<string, Tensor>): TensorFact[] =>
  [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }));

function sizeOf(tensors: ReadonlyMap<string, Tensor>): string {
  const all = [...tensors.values()];
  const elements = all.reduce((sum, { data }) => sum + data.length, 0);
  const bytes = all.reduce((sum, { data }) => sum + data.byteLength, 0);
  return `${elements} elements, ${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

const rowsOf = (tensors: readonly TensorFact[]) =>
  tensors.length
    ? tensors.map(({ name, dtype, shape }) => `${name}  ${dtype} [${shape.join(', ')}]`)
    : ['none'];
