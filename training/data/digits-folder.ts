import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pathExists } from '../../artifacts/files.ts';

/**
 * The folder of the digits that come with the package. It lies at `training/data/digits` below the package's
 * root; this module runs from there or from the built copy in `dist`, so the root is searched for upwards.
 */
export async function digitsFolder(): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let root = here; ; root = dirname(root)) {
    const folder = join(root, 'training', 'data', 'digits');
    if (await pathExists(folder)) return folder;
    if (root === dirname(root))
      throw new Error(`the package is incomplete: no training/data/digits above ${here}`);
  }
}
