import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Dataset } from './dataset.ts';

/** Bytes that are hashed before signals are heard again. */
const slice = 2 ** 26;

/**
 * SHA-256 over all of a data set that training sees, wherever it lies and whatever it is called. 0.1 GB take less than
 * a tenth of a second.
 */
export async function fingerprint(dataset: Dataset, signal?: AbortSignal): Promise<string> {
  const { kind, dtype, sampleShape, classes, labels, data } = dataset;
  const hash = createHash('sha256').update(JSON.stringify([kind, dtype, sampleShape, classes]));
  for (const part of labels ? [labels, data] : [data])
    for (let start = 0; start < part.byteLength; start += slice) {
      const length = Math.min(slice, part.byteLength - start);
      hash.update(new Uint8Array(part.buffer, part.byteOffset + start, length));
      await nextTurn();
      signal?.throwIfAborted();
    }
  return hash.digest('hex');
}
