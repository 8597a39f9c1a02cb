import { availableParallelism } from 'node:os';
import { InputError } from '../../artifacts/errors.ts';
import { PackageError } from '../../artifacts/native-package.ts';
import type { DataOptions, Dataset } from './dataset.ts';
import { decodeImage } from './decode-image.ts';
import { ACCEPTED_IMAGES, hasImageExtension } from './file-types.ts';
import { classesByFolder } from './image-classes.ts';
import { checkMemory } from './user-file.ts';

/** Images decoded at a time: enough to keep every core busy, few enough for large photographs to fit in memory. */
export const DECODE_LIMIT = 2 * Math.max(2, availableParallelism());

/** Whether a path (`/` between folders) is one that systems and tools leave behind, not the user's data. */
export function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') || part === '__MACOSX');
}

/** Gathers the images of a folder or an archive into a data set, ordered by path. */
export class ImageCollector {
  readonly #source: string;
  readonly #options: DataOptions;
  readonly #images = new Map<string, Uint8Array>();
  readonly #skipped = new Map<string, string>();
  #ignored: { count: number; example: string } | undefined;

  constructor(source: string, options: DataOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** Whether the file of this path should be added. Others are counted. */
  wants(path: string): boolean {
    if (isHidden(path)) return false;
    if (hasImageExtension(path)) return true;
    const { count, example } = this.#ignored ?? { count: 0, example: path };
    this.#ignored = { count: count + 1, example };
    return false;
  }

  /** Decodes one image; a damaged one is skipped. A path that comes again replaces the one before. */
  async add(path: string, read: () => Promise<Uint8Array> | Uint8Array): Promise<void> {
    const { size, channels, signal } = this.#options;
    signal?.throwIfAborted();
    let image: Uint8Array | undefined;
    try {
      image = await decodeImage(await read(), size, channels);
    } catch (error) {
      if (error instanceof PackageError) throw error;
      this.skip(path, (error as Error).message);
    }
    if (image) {
      this.#skipped.delete(path);
      this.#images.set(path, image);
      checkMemory(this.#source, this.#images.size, image.length);
    }
  }

  /** Leaves this path out: an image, or a link that may have led to one or to a folder of them. */
  skip(path: string, reason: string): void {
    this.#images.delete(path);
    // libvips repeats itself over many lines; the first says it.
    this.#skipped.set(path, reason.split('\n')[0]!.trim());
  }

  /** @throws InputError when no image was added or none could be decoded. */
  dataset(): Dataset {
    const paths = [...this.#images.keys()].sort();
    if (paths.length === 0) throw this.#nothing();
    const skipped = [...this.#skipped.keys()].filter(hasImageExtension);
    const classOf = classesByFolder(this.#source, [...paths, ...skipped]);
    const classes = [...new Set(paths.map(classOf))].filter((name) => name !== undefined).sort();
    const labels = classes.length > 0 && Int32Array.from(paths, (path) => classes.indexOf(classOf(path)!));
    const { size, channels } = this.#options;
    const plane = size * size;
    const anyColour = [...this.#images.values()].some((image) => image.length > plane);
    const planes = channels === 'auto' ? (anyColour ? 3 : 1) : channels;
    return {
      name: this.#source,
      kind: 'images',
      count: paths.length,
      sampleShape: [planes, size, size],
      dtype: 'uint8',
      classes,
      labels: labels || undefined,
      skipped: Array.from(this.#skipped, ([file, reason]) => ({ file, reason })).sort((a, b) =>
        a.file < b.file ? -1 : 1,
      ),
      ...(this.#ignored && { ignored: this.#ignored }),
      data: this.#assemble(paths, planes, plane),
    };
  }

  /** uint8 [paths.length, planes, size, size]; a grey image fills all planes. */
  #assemble(paths: readonly string[], planes: number, plane: number): Uint8Array {
    checkMemory(this.#source, paths.length, planes * plane);
    const data = new Uint8Array(paths.length * planes * plane);
    for (const [i, path] of paths.entries()) {
      const image = this.#images.get(path)!;
      // Frees each image as it is copied, or a large data set would be held twice.
      this.#images.delete(path);
      for (let c = 0; c < planes * plane; c += image.length) data.set(image, i * planes * plane + c);
    }
    return data;
  }

  #nothing(): InputError {
    const [damaged] = this.#skipped;
    if (damaged) {
      const [file, reason] = damaged;
      return new InputError(
        `${this.#source}: none of ${this.#skipped.size} images could be decoded; ${file}: ${reason}`,
      );
    }
    const others = this.#ignored
      ? `only ${this.#ignored.count} other ${this.#ignored.count === 1 ? 'file,' : 'files such as'} ${this.#ignored.example}`
      : 'it is empty';
    return new InputError(
      `${this.#source}: no images found, ${others}; accepted: ${ACCEPTED_IMAGES} files (.png, .jpg, .jpeg, .webp)`,
    );
  }
}
