import type * as Sharp from 'sharp';
import { PackageError } from './native-package.ts';

/** Its binaries are optional packages, which npm may leave out. */
const installSharp = 'npm install --include=optional sharp';

/**
 * sharp, loaded when it is first needed: it costs 50 ms.
 *
 * @throws PackageError where it does not load
 */
export async function loadSharp(): Promise<typeof Sharp.default> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    throw new PackageError('sharp', installSharp, cause);
  }
}
