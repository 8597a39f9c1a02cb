import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InputError } from '../../../artifacts/errors.ts';
import { installRuntime } from '../../../artifacts/onnxruntime-node.ts';
import { readSharedLibrary } from './elf.ts';
import type { SharedLibrary } from './elf.ts';

/** The libraries that onnxruntime looks for beside its own; the first loads the second's work. */
export const providerLibraries = {
  cuda: 'libonnxruntime_providers_cuda.so',
  shared: 'libonnxruntime_providers_shared.so',
} as const;

/** An onnxruntime-node that can have the CUDA provider. */
export interface ProviderHome {
  /** Where its own library is, and where the provider's belong. */
  readonly folder: string;
  /** The provider must have the same. */
  readonly version: string;
}

/** @throws InputError where onnxruntime-node is not installed, or is none that takes CUDA */
export function providerHome(): ProviderHome {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new InputError(noCudaHere());
  const require = createRequire(import.meta.url);
  let manifest: string;
  try {
    manifest = require.resolve('onnxruntime-node/package.json');
  } catch (cause) {
    throw new InputError(`onnxruntime-node is not installed; install it with "${installRuntime}"`, { cause });
  }
  const { version } = require(manifest) as { version: string };
  return { folder: join(dirname(manifest), 'bin/napi-v6/linux/x64'), version };
}

/** onnxruntime-node's own list: its builds for other systems know no CUDA. */
export const noCudaHere = (): string =>
  `onnxruntime-node has CUDA for linux-x64 only, and this is ${process.platform}-${process.arch}`;

/** The CUDA provider as it lies in a folder. */
export interface Provider extends SharedLibrary {
  readonly path: string;
  /** Undefined where the library does not tell. */
  readonly version: string | undefined;
}

/**
 * Undefined where a library of the two is not there.
 *
 * @throws InputError where one is damaged
 */
export function installedProvider({ folder, version }: ProviderHome): Provider | undefined {
  const path = join(folder, providerLibraries.cuda);
  if (!existsSync(path) || !existsSync(join(folder, providerLibraries.shared))) return undefined;
  return { path, ...readSharedLibrary(path), version: libraryVersion(path, version) };
}

/** The major version of CUDA that a provider is made for, told by the runtime it needs; undefined where it needs none. */
export function cudaMajor({ needed }: SharedLibrary): number | undefined {
  const runtime = needed.map((name) => /^libcudart\.so\.(\d+)/.exec(name)?.[1]).find(Boolean);
  return runtime === undefined ? undefined : Number(runtime);
}

/** Read at a time, and how far a version may reach into the next part. */
const [part, reach] = [1 << 22, 32];

/**
 * The version that onnxruntime compiles into its libraries, as a text of its own: 1.30.0 between two zero bytes.
 *
 * @param expected looked for first, which takes a tenth of the time
 */
export function libraryVersion(path: string, expected: string): string | undefined {
  let other: string | undefined;
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(part);
    for (let offset = 0, length; (length = readSync(file, bytes, 0, part, offset)) > reach;) {
      const read = bytes.subarray(0, length);
      if (read.includes(`\0${expected}\0`, 0, 'latin1')) return expected;
      other ??= /\0(\d{1,2}\.\d{1,3}\.\d{1,3})\0/.exec(read.toString('latin1'))?.[1];
      offset += length - reach;
    }
  } finally {
    closeSync(file);
  }
  return other;
}
