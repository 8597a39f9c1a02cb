import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InputError } from '../../artifacts/errors.ts';
import { onFile, pathExists, readHead } from '../../artifacts/files.ts';
import { digitsFolder } from './digits-folder.ts';
import { ACCEPTED_SOURCES, describeHead, isImage, isTar } from './file-types.ts';
import { idxDataset, idxImagesIn } from './idx-dataset.ts';
import { mixtureDataset, mixtures } from './mixtures.ts';
import { gunzipHead, isGzip } from './user-file.ts';

/** A whole data set in memory. */
export interface Dataset {
  /** What the user named, or `digits`. */
  readonly name: string;
  readonly kind: 'images' | 'points';
  /** Samples, 1 or more. */
  readonly count: number;
  /** Images: [C, H, W], values 0..255. Points: [2]. */
  readonly sampleShape: readonly number[];
  /** uint8 for images, float32 for points. */
  readonly dtype: 'uint8' | 'float32';
  /** Class names by label; empty when unlabelled. Every class has at least one sample. */
  readonly classes: readonly string[];
  /** int32 [count], each an index into `classes`. */
  readonly labels: Int32Array | undefined;
  /** Images left out because they could not be decoded, links that lead nowhere, and folders of runs. */
  readonly skipped: readonly { readonly file: string; readonly reason: string }[];
  /** Files of other types, and one of them; absent where there are none. */
  readonly ignored?: { readonly count: number; readonly example: string };
  /** count * prod(sampleShape) values, row-major (NCHW for images). */
  readonly data: Uint8Array | Float32Array;
}

export interface DataOptions {
  /** Height and width of the images in pixels, 4 to 1024. Points ignore it. */
  readonly size: number;
  /** `auto`: 1 when every pixel of every image is grey, else 3. */
  readonly channels: 'auto' | 1 | 3;
  /** Aborting rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Loads a data set into memory.
 *
 * @param source undefined: the 10,000 handwritten digits that come with the package (also `digits`). `ring8` or
 *   `grid25`: that mixture of Gaussians. Otherwise a path, which wins over a built-in name: a folder of PNG, JPEG
 *   and WebP images whose sub-folders are classes, a tar archive of one (plain or gzipped), an IDX images file
 *   (plain or gzipped) or a folder of IDX files named like MNIST's.
 * @throws InputError when there is nothing usable there, naming what was found and what is accepted.
 */
export async function openDataset(source: string | undefined, options: DataOptions): Promise<Dataset> {
  const { size, signal } = options;
  if (!Number.isInteger(size) || size < 4 || size > 1024) {
    throw new InputError(`size: ${size} is not a whole number from 4 to 1024`);
  }
  signal?.throwIfAborted();
  if (source === undefined) return openDigits(options);
  if (!(await pathExists(source))) {
    const mixture = mixtures.get(source);
    if (mixture) return mixtureDataset(mixture);
    if (source === 'digits') return openDigits(options);
    if (basename(source) === source)
      throw new InputError(
        `${source}: no such file or folder, and not among the data that come with ganx: digits, ${[...mixtures.keys()].join(', ')}`,
      );
  }
  const found = await onFile('read', source, () => stat(source));
  if (found.isDirectory()) {
    const images = await idxImagesIn(source);
    if (images !== undefined) return idxDataset(source, images, options);
    // What decodes pictures takes longer to load than all else.
    const { imageFolderDataset } = await import('./images.ts');
    return imageFolderDataset(source, options);
  }
  if (!found.isFile()) throw new InputError(`${source}: neither a file nor a folder`);
  return openFile(source, options);
}

async function openDigits(options: DataOptions): Promise<Dataset> {
  const folder = await digitsFolder();
  const images = await idxImagesIn(folder);
  if (images === undefined) throw new Error(`${folder}: the package is incomplete, its digits are missing`);
  return idxDataset('digits', images, options);
}

/** Tells the type of a file by its content, since names lie. */
async function openFile(path: string, options: DataOptions): Promise<Dataset> {
  const stored = await readHead(path);
  if (stored.length === 0) throw new InputError(`${path}: empty file; accepted: ${ACCEPTED_SOURCES}`);
  const head = isGzip(stored) ? gunzipHead(stored) : stored;
  if (isTar(head)) return (await import('./tar.ts')).tarDataset(path, options);
  const looksLikeIdx = head[0] === 0 && head[1] === 0 && head[2]! >= 0x08 && head[2]! <= 0x0e;
  if (looksLikeIdx || /idx\d-ubyte/.test(basename(path))) return idxDataset(path, path, options);
  if (head.length === 0) throw new InputError(`${path}: corrupt gzip file; accepted: ${ACCEPTED_SOURCES}`);
  if (isImage(head)) throw new InputError(`${path}: a single image; name the folder that holds the images`);
  const wrapped = isGzip(stored) ? 'gzip of ' : '';
  throw new InputError(
    `${path}: unsupported file type: ${wrapped}${describeHead(head)}; accepted: ${ACCEPTED_SOURCES}`,
  );
}
