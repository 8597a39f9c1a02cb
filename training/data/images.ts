import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachBounded } from './bounded.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { hasImageExtension } from './file-types.ts';
import { classesByFolder } from './image-classes.ts';
import { DECODE_LIMIT, ImageCollector, isHidden } from './image-collector.ts';
import { fileError, readUserFile } from './user-file.ts';

/**
 * The data set of a folder of PNG, JPEG and WebP files, sub-folders and symbolic links included. The first folder
 * below the one they all share is an image's class. Hidden files and other types are ignored; damaged images are
 * skipped and reported in `skipped`.
 * @throws InputError when it holds no usable image, cannot be read, or mixes images with class folders.
 */
export async function imageFolderDataset(folder: string, options: DataOptions): Promise<Dataset> {
  const files = await filesBelow(folder, '', []);
  const images = files.filter((path) => hasImageExtension(path));
  // Refuses a wrong layout before the long work of decoding.
  classesByFolder(folder, images);
  const collector = new ImageCollector(folder, options, images.length);
  const wanted = files.filter((path) => collector.wants(path));
  await forEachBounded(wanted, DECODE_LIMIT, (path) =>
    collector.add(path, () => readUserFile(join(folder, path))),
  );
  return collector.dataset();
}

/**
 * Paths of all files below `root`/`folder` that are not hidden, relative to `root`, `/` between folders.
 * @param above real paths of the folders on the way down: a link back to one of them is not followed.
 */
async function filesBelow(root: string, folder: string, above: readonly string[]): Promise<string[]> {
  const path = join(root, folder);
  try {
    const real = await realpath(path);
    if (above.includes(real)) return [];
    const files: string[] = [];
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (isHidden(entry.name)) continue;
      const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(root, inside)) : entry.isDirectory();
      // Not push(...): a folder of 200,000 images is more arguments than a call can take.
      if (isFolder) for (const file of await filesBelow(root, inside, [...above, real])) files.push(file);
      // Anything else, such as a pipe, is none; where a link leads is seen when it is read.
      else if (entry.isFile() || entry.isSymbolicLink()) files.push(inside);
    }
    return files;
  } catch (error) {
    throw fileError(path, error);
  }
}

/** False for a broken link as well: it is then reported as a file that cannot be read. */
async function leadsToFolder(link: string): Promise<boolean> {
  return stat(link).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
