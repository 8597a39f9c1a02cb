import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../../../artifacts/errors.ts';
import { runProgram } from '../run-program.ts';
import { cudaLibraries, driverLibrary, librariesIn, pythonFolders, systemFolders } from './libraries.ts';
import type { FoundLibrary } from './libraries.ts';
import { installedProvider, noCudaHere, providerHome } from './provider.ts';
import type { Provider, ProviderHome } from './provider.ts';

/** All that is known of a machine before CUDA is tried. */
export interface CudaFacts {
  /** Why onnxruntime cannot have CUDA here at all. */
  readonly impossible?: string | undefined;
  /** Version of the driver that is loaded, such as 580.65.06. */
  readonly driver: string | undefined;
  readonly home: ProviderHome | undefined;
  readonly provider: Provider | undefined;
  /** Why the provider's file cannot be read. */
  readonly damaged?: string | undefined;
  /** What the loader says of each library that the provider needs; null where it is found. */
  readonly libraries: ReadonlyMap<string, string | null>;
  /** Libraries of CUDA in folders known to have some, whether the loader looks there or not. */
  readonly found: readonly FoundLibrary[];
  /** LD_LIBRARY_PATH as it is. */
  readonly libraryPath: string;
}

/** Looks at files, and asks the loader once the provider is there to need something. */
export async function cudaFacts(signal?: AbortSignal): Promise<CudaFacts> {
  const facts = {
    driver: await driverVersion(signal),
    home: undefined,
    provider: undefined,
    libraries: new Map<string, string | null>(),
    found: [],
    libraryPath: process.env.LD_LIBRARY_PATH ?? '',
  };
  if (process.platform !== 'linux' || process.arch !== 'x64') return { ...facts, impossible: noCudaHere() };
  const home = providerHome();
  try {
    const provider = installedProvider(home);
    if (!provider) return { ...facts, home };
    const libraries = await askLoader([...cudaLibraries(provider.needed), driverLibrary], signal);
    const found = librariesIn([...pythonFolders(), ...systemFolders()]);
    return { ...facts, home, provider, libraries, found };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { ...facts, home, damaged: error.message };
  }
}

/** Undefined where no driver is loaded. WSL has none of its own, but the tool of Windows' driver. */
async function driverVersion(signal?: AbortSignal): Promise<string | undefined> {
  const told = parseDriverVersion(readIfThere('/proc/driver/nvidia/version'));
  if (told !== undefined) return told;
  const tool = [...(process.env.PATH ?? '').split(delimiter), '/usr/lib/wsl/lib']
    .map((folder) => join(folder, 'nvidia-smi'))
    .find((path) => existsSync(path));
  if (tool === undefined) return undefined;
  const args = ['--query-gpu=driver_version', '--format=csv,noheader'];
  const { output, problem } = await runProgram(tool, args, { signal, patience: 10_000 });
  return problem === undefined ? /^\d+(\.\d+)+/.exec(output)?.[0] : undefined;
}

/** What the kernel module says of itself in /proc/driver/nvidia/version. */
export const parseDriverVersion = (text: string): string | undefined =>
  /^NVRM version:.*?\s(\d{3,}(?:\.\d+)+)\s/m.exec(text)?.[1];

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

async function askLoader(
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, string | null>> {
  const program = fileURLToPath(new URL('load-libraries.js', import.meta.url));
  const { output, problem } = await runProgram(process.execPath, [program, ...names], { signal });
  // The provider itself will tell what is wrong.
  if (problem !== undefined) return new Map();
  return new Map(Object.entries(JSON.parse(output) as Record<string, string | null>));
}
