import { mkdtemp, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../../../artifacts/errors.ts';
import { flushFolder, onFile } from '../../../artifacts/files.ts';
import { unpack } from './archive.ts';
import { download, isAddress, shown } from './download.ts';
import { readSharedLibrary } from './elf.ts';
import { findWheel, indexAddress } from './package-index.ts';
import { cudaMajor, installedProvider, libraryVersion, providerHome, providerLibraries } from './provider.ts';
import type { ProviderHome } from './provider.ts';

export interface InstallOptions {
  /** A wheel, a NuGet package, a tar.gz or a folder that holds the provider, or an address of one; default from an index. */
  readonly from?: string | undefined;
  /** Index of packages, as pip's; default PIP_INDEX_URL, else PyPI. */
  readonly indexUrl?: string | undefined;
  /** Which onnxruntime-node gets the provider; default the one that ganx uses. */
  readonly home?: ProviderHome;
  readonly onProgress?: (progress: InstallProgress) => void;
  readonly signal?: AbortSignal;
}

export interface InstallProgress {
  readonly doing: 'download' | 'unpack';
  readonly name: string;
  /** Bytes. */
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
}

export interface Installed {
  readonly folder: string;
  readonly version: string;
  /** Major version of the CUDA that the provider is made for. */
  readonly cuda: number | undefined;
  /** Where it came from; undefined where it was there already. */
  readonly source: string | undefined;
}

/**
 * Puts the CUDA provider of the right version beside onnxruntime's own library, whole or not at all. What is there
 * already is left as it is, unless `from` says what to take.
 *
 * @throws InputError where the source cannot be read or holds another version or architecture, or the place cannot be
 * written or is full
 */
export async function installCuda(options: InstallOptions = {}): Promise<Installed> {
  const { from, indexUrl, home = providerHome(), signal } = options;
  if (from !== undefined && indexUrl !== undefined)
    throw new InputError('--from and --index-url: only one can say where the provider comes from');
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(from ?? '')?.[1];
  if (scheme !== undefined && !isAddress(from!))
    throw new InputError(
      `--from: ${shown(from!)} starts with ${scheme}://; expected https:// or http://, or a file or folder of this machine`,
    );
  if (from === undefined) {
    const present = usableProvider(home);
    if (present) return { ...home, cuda: cudaMajor(present), source: undefined };
  }
  // Beside its place, so that it can be renamed into it.
  const work = await onFile('write', home.folder, () => mkdtemp(join(home.folder, '.ganx-cuda-')));
  try {
    const archive = join(work, 'archive');
    const source = await fetchSource(options, home, archive);
    await unpack(source ?? archive, {
      names: Object.values(providerLibraries),
      into: work,
      reserve: (bytes) => checkSpace(work, bytes),
      onBytes: (name, done, total) => options.onProgress?.({ doing: 'unpack', name, done, total }),
      signal,
    }).catch((error: unknown) => {
      throw source === undefined ? withSource(error, archive, nameOf(options)) : error;
    });
    const cuda = checkProvider(work, home, nameOf(options));
    signal?.throwIfAborted();
    // The one that counts comes last.
    for (const name of [providerLibraries.shared, providerLibraries.cuda])
      await onFile('write', home.folder, () => rename(join(work, name), join(home.folder, name)));
    await flushFolder(home.folder);
    return { ...home, cuda, source: nameOf(options) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** What messages call the source. */
function nameOf({ from, indexUrl }: InstallOptions): string {
  if (from === undefined) return shown(indexAddress(indexUrl));
  return isAddress(from) ? shown(from) : from;
}

/** A message about the file that was downloaded names where it came from. */
const withSource = (error: unknown, archive: string, source: string): unknown =>
  error instanceof InputError
    ? new InputError(error.message.replaceAll(archive, source), { cause: error })
    : error;

/** Downloads what is not on this machine into `archive`; otherwise the path of what is. */
async function fetchSource(
  { from, indexUrl, onProgress, signal }: InstallOptions,
  { version }: ProviderHome,
  archive: string,
): Promise<string | undefined> {
  if (from !== undefined && !isAddress(from)) return from;
  const { address, sha256 } =
    from === undefined
      ? await findWheel(indexAddress(indexUrl), version, signal)
      : { address: from, sha256: undefined };
  await download({
    address,
    path: archive,
    sha256,
    // What is packed in it takes about as much again.
    reserve: (bytes) => checkSpace(join(archive, '..'), 2.2 * bytes),
    onBytes: (name, done, total) => onProgress?.({ doing: 'download', name, done, total }),
    signal,
  });
  return undefined;
}

/** The provider that is there, where it is whole and of the right version. */
function usableProvider(home: ProviderHome) {
  try {
    const provider = installedProvider(home);
    return provider?.arch === 'x64' && provider.version === home.version ? provider : undefined;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

async function checkSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < bytes)
    throw new InputError(
      `${folder}: has ${megabytes(bavail * bsize)} MB free, and ${megabytes(bytes)} MB are needed`,
    );
}

const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);

/** The CUDA that the unpacked provider is for. */
function checkProvider(folder: string, { version }: ProviderHome, source: string): number | undefined {
  for (const name of Object.values(providerLibraries)) {
    const { arch } = rephrase(source, () => readSharedLibrary(join(folder, name)));
    if (arch !== 'x64') throw new InputError(`${source}: ${name} is for ${arch}; expected one for x64`);
  }
  const cuda = join(folder, providerLibraries.cuda);
  const found = libraryVersion(cuda, version);
  if (found !== version)
    throw new InputError(
      `${source}: is onnxruntime ${found ?? 'of an unknown version'}; expected ${version}, as onnxruntime-node is`,
    );
  return cudaMajor(readSharedLibrary(cuda));
}

/** A message about an unpacked library names what it was packed in. */
function rephrase<T>(source: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${source}: ${error.message.replace(/^.*\/(?=[^/]+: )/, '')}`, { cause: error });
  }
}
