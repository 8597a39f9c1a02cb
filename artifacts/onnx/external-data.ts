import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { onnx as types } from 'onnx-proto';
import { InputError } from '../errors.ts';
import { readBytes } from '../files.ts';
import type { ExternalFiles } from './external-place.ts';
import { externalPlace } from './external-place.ts';

/**
 * Reads the files beside a model that hold its larger initializers, as PyTorch's exporter writes them.
 *
 * @throws InputError naming the file that is missing
 */
export async function readExternalFiles(
  initializers: readonly types.ITensorProto[],
  path: string,
): Promise<ExternalFiles> {
  const files = new Map<string, Uint8Array>();
  for (const proto of initializers) {
    const place = externalPlace(proto, path);
    if (!place || files.has(place.location)) continue;
    const file = join(dirname(path), place.location);
    try {
      files.set(place.location, await readBytes(file));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError(
        `${path}: its weights are in ${file}, which cannot be read; keep the two files together`,
        { cause: error },
      );
    }
  }
  return files;
}

/** A digest of a model and of the files beside it, by which both are known again. */
export function digestOf(model: Uint8Array, files: ExternalFiles): string {
  const hash = createHash('sha256').update(model);
  for (const [name, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(name).update(bytes);
  return hash.digest('hex');
}
