import { rm } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { InputError } from '../artifacts/errors.ts';
import { isFolder, makeFolder, pathExists, writeFileAtomic } from '../artifacts/files.ts';
import { encodeImage } from '../artifacts/png.ts';
import type { Generator, Samples } from '../inference/node.ts';
import { underWay } from './under-way.ts';

/** Where pictures go: one PNG with all of them, or a folder with one PNG each. */
export interface PictureOutput {
  readonly path: string;
  readonly single: boolean;
}

/**
 * What `--out` means: a name that ends in `.png` is one picture; an existing folder, or a name without an extension
 * or with a slash at the end, is a folder.
 *
 * @throws InputError for anything else, and for a folder where points are made, which have one plot.
 */
export async function pictureOutput(path: string, kind: 'images' | 'points'): Promise<PictureOutput> {
  if (path === '') throw new InputError('--out: "" must be a name that ends in .png, or a folder');
  const extension = extname(path);
  const single = (await isFolder(path)) || extension === '' || /[/\\]$/.test(path);
  if (!single && extension.toLowerCase() !== '.png')
    throw new InputError(`--out: ${JSON.stringify(path)} must end in .png, or be a folder for single files`);
  if (single && kind === 'points')
    throw new InputError(
      `--out: ${JSON.stringify(path)} is a folder, but points make one plot; give a name that ends in .png`,
    );
  return { path, single };
}

/** Writes all pictures or none; returns their paths. Folders on the way are made. */
export async function writePictures(
  { path, single }: PictureOutput,
  generator: Generator,
  samples: Samples,
  columns?: number,
): Promise<string[]> {
  const files = single
    ? singleFiles(path, samples)
    : [{ file: path, encode: () => generator.toPng(samples, columns === undefined ? {} : { columns }) }];
  const made = await makeFolder(single ? path : dirname(path));
  const written: string[] = [];
  const tell = underWay();
  try {
    for (const [i, { file, encode }] of files.entries()) {
      if (files.length > 1) tell(`picture ${i + 1} of ${files.length}`);
      const existed = await pathExists(file);
      await writeFileAtomic(file, await encode());
      if (!existed) written.push(file);
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true });
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw error;
  } finally {
    tell('');
  }
  return files.map(({ file }) => file);
}

function singleFiles(
  folder: string,
  { data, shape }: Samples,
): { file: string; encode: () => Promise<Uint8Array> }[] {
  const [count, channels, height, width] = shape as [number, number, number, number];
  const size = channels * height * width;
  const digits = Math.max(3, String(count - 1).length);
  return Array.from({ length: count }, (_, i) => ({
    file: join(folder, `${String(i).padStart(digits, '0')}.png`),
    encode: () => encodeImage(data.subarray(i * size, (i + 1) * size), { channels, height, width }),
  }));
}

/** `64 images`, `1 point`, ... in `samples.png` or `samples/000.png to samples/063.png`. */
export function describePictures(files: readonly string[], { shape }: Samples): string {
  const [count] = shape;
  const noun = shape.length === 2 ? 'point' : 'image';
  const where = files.length > 1 ? `${files[0]!} to ${files.at(-1)!}` : files[0]!;
  return `${where}: ${count!} ${noun}${count === 1 ? '' : 's'}${shape.length === 2 ? '' : ` of ${shape.slice(1).join(' x ')}`}`;
}
