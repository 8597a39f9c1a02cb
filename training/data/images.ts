import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../artifacts/errors.ts';
import { onFile } from '../../artifacts/files.ts';
import { forEachBounded } from './bounded.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { hasImageExtension } from './file-types.ts';
import { classesByFolder } from './image-classes.ts';
import { DECODE_LIMIT, ImageCollector, isHidden } from './image-collector.ts';
import { readUserFile } from './user-file.ts';

/**
 * The data set of a folder of PNG, JPEG and WebP files, sub-folders and symbolic links included. The first folder
 * below the one they all share is an image's class. Hidden files are ignored, other types are counted in `ignored`;
 * damaged images, links that lead nowhere, and the folders of runs, whose images are samples and no data, are skipped
 * and reported in `skipped`.
 * @throws InputError when it holds no usable image, cannot be read, or mixes images with class folders.
 */
export async function imageFolderDataset(folder: string, options: DataOptions): Promise<Dataset> {
  const { files, passedBy } = await findBelow(folder);
  const images = files.filter((path) => hasImageExtension(path));
  const run = [...passedBy].find(([, reason]) => reason === ofARun);
  if (run && !images.length)
    throw new InputError(`${folder}: no images found outside of the runs of ganx there, such as ${run[0]}`);
  // Refuses a wrong layout before the long work of decoding.
  classesByFolder(folder, images);
  const collector = new ImageCollector(folder, options);
  for (const [path, reason] of passedBy) collector.skip(path, reason);
  const wanted = files.filter((path) => collector.wants(path));
  await forEachBounded(wanted, DECODE_LIMIT, (path) =>
    collector.add(path, () => readUserFile(join(folder, path))),
  );
  return collector.dataset();
}

const ofARun = 'the folder of a run of ganx';

/** What lies below a folder, as paths from there, `/` between folders. */
interface Below {
  /** All that is no folder and is not hidden. */
  readonly files: string[];
  /** What may have been images or folders of them, and why it is not looked at. */
  readonly passedBy: Map<string, string>;
}

async function findBelow(root: string): Promise<Below> {
  const below: Below = { files: [], passedBy: new Map() };
  await findIn(root, '', [], below);
  return below;
}

/** @param above real paths of the folders on the way down: a link back to one of them is not followed. */
async function findIn(root: string, folder: string, above: readonly string[], below: Below): Promise<void> {
  const path = join(root, folder);
  await onFile('read', path, async () => {
    const real = await realpath(path);
    if (above.includes(real)) return;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (isHidden(entry.name)) continue;
      const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const place = join(root, inside);
      const found = entry.isSymbolicLink()
        ? await onFile('read', place, () => stat(place)).catch(refusal)
        : entry;
      if (found instanceof InputError) below.passedBy.set(inside, found.message);
      else if (!found.isDirectory()) below.files.push(inside);
      else if (await isRun(place)) below.passedBy.set(inside, ofARun);
      else await findIn(root, inside, [...above, real], below);
    }
  });
}

function refusal(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
}

/** Whether a folder is that of a run, by the mark in its recipe.json. */
async function isRun(folder: string): Promise<boolean> {
  try {
    const recipe: unknown = JSON.parse(await readFile(join(folder, 'recipe.json'), 'utf8'));
    return (recipe as { format?: unknown } | null)?.format === 'ganx.run';
  } catch {
    return false;
  }
}
