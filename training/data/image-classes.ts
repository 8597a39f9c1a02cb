import { InputError } from '../../artifacts/errors.ts';

/**
 * Reads classes off the folders of image paths (`/` between folders, relative to `source`). The folders that all
 * paths begin with are set aside; the next one is the class. Without class folders every image's class is
 * undefined.
 * @returns the class of a path.
 * @throws InputError when images lie beside class folders.
 */
export function classesByFolder(
  source: string,
  paths: readonly string[],
): (path: string) => string | undefined {
  const depth = commonFolders(paths);
  const atRoot = paths.find((path) => foldersOf(path).length === depth);
  const inClass = paths.find((path) => foldersOf(path).length > depth);
  if (atRoot !== undefined && inClass !== undefined) {
    const folder = foldersOf(inClass)
      .slice(0, depth + 1)
      .join('/');
    throw new InputError(
      `${source}: ${atRoot} lies beside the class folder ${folder}/; put every image in a class folder, or none`,
    );
  }
  return (path) => foldersOf(path)[depth];
}

function foldersOf(path: string): string[] {
  return path.split('/').slice(0, -1);
}

/** How many leading folders all paths share. */
function commonFolders(paths: readonly string[]): number {
  const first = foldersOf(paths[0] ?? '');
  let depth = first.length;
  for (const path of paths) {
    const folders = foldersOf(path);
    while (depth > 0 && first.slice(0, depth).some((folder, i) => folder !== folders[i])) depth--;
  }
  return depth;
}
