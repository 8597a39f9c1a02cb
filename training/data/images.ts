import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../artifacts/errors.ts';
import { forEachBounded } from './bounded.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { hasImageExtension } from './file-types.ts';
import { classesByFolder } from './image-classes.ts';
import { DECODE_LIMIT, ImageCollector, isHidden } from './image-collector.ts';
import { fileError, readUserFile } from './user-file.ts';

/**
 * The data set of a folder of PNG, JPEG and WebP files, sub-folders and symbolic links included. The first folder
 * below the one they all share is an image's class. Hidden files are ignored, other types are counted in `ignored`;
 * damaged images and links that lead nowhere are skipped and reported in `skipped`.
 * @throws InputError when it holds no usable image, cannot be read, or mixes images with class folders.
 */
export async function imageFolderDataset(folder: string, options: DataOptions): Promise<Dataset> {
  const files: string[] = [];
  const broken = new Map<string, string>();
  await findBelow(folder, '', [], files, broken);
  const images = files.filter((path) => hasImageExtension(path));
  // Refuses a wrong layout before the long work of decoding.
  classesByFolder(folder, images);
  const collector = new ImageCollector(folder, options, images.length);
  for (const [path, reason] of broken) collector.skip(path, reason);
  const wanted = files.filter((path) => collector.wants(path));
  await forEachBounded(wanted, DECODE_LIMIT, (path) =>
    collector.add(path, () => readUserFile(join(folder, path))),
  );
  return collector.dataset();
}

/**
 * Finds all that is below `root`/`folder`, is no folder and is not hidden: paths relative to `root`, `/` between
 * folders.
 * @param above real paths of the folders on the way down: a link back to one of them is not followed.
 * @param broken links that lead nowhere, and why: they may have been images or folders of them.
 */
async function findBelow(
  root: string,
  folder: string,
  above: readonly string[],
  files: string[],
  broken: Map<string, string>,
): Promise<void> {
  const path = join(root, folder);
  try {
    const real = await realpath(path);
    if (above.includes(real)) return;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (isHidden(entry.name)) continue;
      const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const link = join(root, inside);
      const found = entry.isSymbolicLink()
        ? await stat(link).catch((error: unknown) => fileError(link, error))
        : entry;
      if (found instanceof InputError) broken.set(inside, found.message);
      else if (found.isDirectory()) await findBelow(root, inside, [...above, real], files, broken);
      else files.push(inside);
    }
  } catch (error) {
    throw fileError(path, error);
  }
}
