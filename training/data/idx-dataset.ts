import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { InputError } from '../../artifacts/errors.ts';
import { onFile, pathExists } from '../../artifacts/files.ts';
import { planeCover } from './cover.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { readIdx, type Idx } from './idx.ts';
import { checkMemory } from './user-file.ts';

const IMAGES_NAME = /images([-.])idx3-ubyte(\.gz)?$/;

/**
 * The path of the IDX images file to use in a folder laid out like MNIST; undefined when it has none.
 * Of several the training set (`train` in its name) is used, and of a plain and a gzipped copy the plain one.
 * @throws InputError when that does not decide it.
 */
export async function idxImagesIn(folder: string): Promise<string | undefined> {
  const names = await onFile('read', folder, () => readdir(folder));
  const found = names.filter((name) => IMAGES_NAME.test(name) && !name.startsWith('.')).sort();
  const distinct = found.filter((name) => !name.endsWith('.gz') || !found.includes(name.slice(0, -3)));
  const training = distinct.filter((name) => name.includes('train'));
  const candidates = training.length > 0 ? training : distinct;
  if (candidates.length > 1) {
    throw new InputError(`${folder}: several IDX images files; name one of them: ${candidates.join(', ')}`);
  }
  return candidates[0] === undefined ? undefined : join(folder, candidates[0]);
}

/**
 * The data set of one IDX images file, with the labels of the file that lies beside it under MNIST's naming
 * (`images-idx3-ubyte` and `labels-idx1-ubyte`), if there is one. Classes are the label values that occur.
 * Images of other sizes are resized and centre-cropped; images of `size` x `size` stay as they are.
 */
export async function idxDataset(name: string, imagesPath: string, options: DataOptions): Promise<Dataset> {
  const images = await readIdx(imagesPath, 3);
  const count = images.shape[0]!;
  const labelsPath = await labelsBeside(imagesPath);
  const labels = labelsPath === undefined ? undefined : await readIdx(labelsPath, 1);
  if (labels && labels.data.length !== count) {
    throw new InputError(
      `${labelsPath!}: ${labels.data.length} labels, expected ${count} as in ${imagesPath}`,
    );
  }
  const { size } = options;
  const channels = options.channels === 3 ? 3 : 1;
  checkMemory(name, count, channels * size * size);
  const values = labels ? [...new Set(labels.data)].sort((a, b) => a - b) : [];
  const labelOf = new Map(values.map((value, index) => [value, index]));
  return {
    name,
    kind: 'images',
    count,
    sampleShape: [channels, size, size],
    dtype: 'uint8',
    classes: values.map(String),
    labels: labels && Int32Array.from(labels.data, (value) => labelOf.get(value)!),
    skipped: [],
    data: await resizeAll(images, channels, options),
  };
}

async function labelsBeside(imagesPath: string): Promise<string | undefined> {
  const plain = imagesPath.replace(IMAGES_NAME, 'labels$1idx1-ubyte');
  if (plain === imagesPath) return undefined;
  for (const path of [plain, `${plain}.gz`]) if (await pathExists(path)) return path;
  return undefined;
}

async function resizeAll(images: Idx, channels: number, options: DataOptions): Promise<Uint8Array> {
  const [count, height, width] = images.shape as [number, number, number];
  const { size, signal } = options;
  const plane = size * size;
  const data = new Uint8Array(count * channels * plane);
  const cover = planeCover(width, height, size);
  let turn = performance.now();
  for (let i = 0; i < count; i++) {
    const start = i * channels * plane;
    cover(
      images.data.subarray(i * height * width, (i + 1) * height * width),
      data.subarray(start, start + plane),
    );
    for (let c = 1; c < channels; c++) data.copyWithin(start + c * plane, start, start + plane);
    // Lets the terminal redraw and Ctrl-C be seen.
    if (performance.now() - turn > 50 || i === count - 1) {
      await nextTurn();
      signal?.throwIfAborted();
      turn = performance.now();
    }
  }
  return data;
}
