import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { InputError } from '../../artifacts/errors.ts';
import { readHead } from '../../artifacts/files.ts';
import { forEachBounded } from './bounded.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { DECODE_LIMIT, ImageCollector, isHidden } from './image-collector.ts';
import { isGzip } from './user-file.ts';

interface TarFile {
  readonly path: string;
  /** Undefined for a link, which has no content of its own. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * The data set of a tar archive of images, plain or gzipped. Read front to back without unpacking it to disk;
 * the same images in a folder give the same data set, see `imageFolderDataset`.
 * @throws InputError when it is damaged or holds no usable image, or mixes images with class folders.
 */
export async function tarDataset(path: string, options: DataOptions): Promise<Dataset> {
  const collector = new ImageCollector(path, options);
  await forEachBounded(imagesIn(path, collector), DECODE_LIMIT, async (file) => {
    const { bytes } = file;
    if (bytes) await collector.add(file.path, () => bytes);
    else collector.skip(file.path, 'a link inside the archive');
  });
  return collector.dataset();
}

async function* imagesIn(path: string, collector: ImageCollector): AsyncGenerator<TarFile> {
  const gzipped = isGzip(await readHead(path, 2));
  const archive = extract();
  const stored = createReadStream(path);
  const unpacked = gzipped ? stored.pipe(createGunzip()) : stored;
  // pipe() does not carry errors over.
  const fail = (error: Error): void => {
    archive.destroy(error);
  };
  stored.on('error', fail);
  if (unpacked !== stored) unpacked.on('error', fail);
  unpacked.pipe(archive);
  try {
    for await (const entry of archive) {
      const name = posix.join('/', entry.header.name).slice(1);
      const { type } = entry.header;
      const isLink = type === 'symlink' || type === 'link';
      if (type === 'directory' || isHidden(name) || !(isLink || collector.wants(name))) {
        entry.resume();
      } else if (type === 'file' || type === 'contiguous-file') {
        const chunks: Uint8Array[] = [];
        for await (const chunk of entry) chunks.push(chunk as Uint8Array);
        yield { path: name, bytes: Buffer.concat(chunks) };
      } else {
        entry.resume();
        yield { path: name, bytes: undefined };
      }
    }
  } catch (error) {
    const kind = gzipped ? 'tar.gz' : 'tar';
    throw new InputError(`${path}: damaged ${kind} archive: ${(error as Error).message}`, { cause: error });
  } finally {
    stored.destroy();
  }
}
