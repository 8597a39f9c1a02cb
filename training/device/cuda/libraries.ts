import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A library that the CUDA provider needs: its name without the number that ends it, and that number. */
export interface LibraryName {
  readonly stem: string;
  readonly major: number;
}

/** `libcublas.so.13` or `libcublas.so.13.1.0.3`; undefined for a name without a number. */
export function libraryName(name: string): LibraryName | undefined {
  const match = /^(lib\w+)\.so\.(\d+)/.exec(name);
  return match ? { stem: match[1]!, major: Number(match[2]) } : undefined;
}

/** Of the driver, which no package of CUDA brings along. */
export const driverLibrary = 'libcuda.so.1';

/** What onnxruntime opens by itself when it comes to a convolution, so that no header names it. */
export const cudnnLibrary = 'libcudnn.so.9';

/** The names that a provider cannot do without, of those that CUDA brings. */
export const cudaLibraries = (needed: readonly string[]): string[] => [
  ...needed.filter((name) => /^lib(cu|nv)/.test(name) && name !== driverLibrary),
  cudnnLibrary,
];

/** The package of PyPI that has a library, by CUDA's major version. */
const packages: Readonly<Record<string, (cuda: number, major: number) => string>> = {
  libcudart: (cuda) => versioned('nvidia-cuda-runtime', cuda, cuda),
  libcublas: (cuda) => versioned('nvidia-cublas', cuda, cuda),
  libcublasLt: (cuda) => versioned('nvidia-cublas', cuda, cuda),
  // Those two count by themselves.
  libcurand: (cuda, major) => versioned('nvidia-curand', cuda, major),
  libcudnn: (cuda, major) => `nvidia-cudnn-cu${cuda}==${major}.*`,
};

/** Up to 12 the major version of CUDA is part of a package's name, from 13 on of its version. */
const versioned = (name: string, cuda: number, major: number) =>
  cuda < 13 ? `${name}-cu${cuda}` : `${name}==${major}.*`;

/** What pip installs to have these libraries. */
export function pipPackages(libraries: readonly string[], cuda: number): string[] {
  const names = libraries.flatMap((library) => {
    const { stem, major } = libraryName(library) ?? { stem: library, major: 0 };
    return packages[stem]?.(cuda, major) ?? [];
  });
  return [...new Set(names)];
}

/** A library that lies in a folder, whether the loader looks there or not. */
export interface FoundLibrary {
  readonly name: string;
  readonly folder: string;
}

/** Everything in these folders that is named as a library with a number is; folders that are not there have none. */
export function librariesIn(folders: readonly string[]): FoundLibrary[] {
  return folders.flatMap((folder) =>
    names(folder).flatMap((name) => (libraryName(name) ? [{ name, folder }] : [])),
  );
}

/** Where CUDA's installers and Linux distributions put libraries. */
export function systemFolders(): string[] {
  const toolkits = ['/usr/local', '/opt'].flatMap((root) =>
    names(root).flatMap((name) => (/^cuda(-\d|$)/.test(name) ? [join(root, name)] : [])),
  );
  return [
    ...toolkits.flatMap((root) => ['lib64', 'targets/x86_64-linux/lib'].map((lib) => join(root, lib))),
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib64',
  ];
}

/** The folders `nvidia/<package>/lib` of every Python that is found: PyTorch brings them along. */
export function pythonFolders(roots: readonly string[] = pythonRoots()): string[] {
  return roots.flatMap((root) =>
    ['lib', 'lib64', 'local/lib', 'lib/python3'].flatMap((lib) => {
      const versions = lib.endsWith('python3')
        ? [join(root, lib)]
        : names(join(root, lib)).flatMap((name) =>
            /^python3\.\d+$/.test(name) ? [join(root, lib, name)] : [],
          );
      return versions.flatMap((python) =>
        ['site-packages', 'dist-packages'].flatMap((site) => {
          const nvidia = join(python, site, 'nvidia');
          return names(nvidia).map((name) => join(nvidia, name, 'lib'));
        }),
      );
    }),
  );
}

function pythonRoots(): string[] {
  const { VIRTUAL_ENV, CONDA_PREFIX, PYENV_ROOT } = process.env;
  const home = homedir();
  const pyenv = join(PYENV_ROOT ?? join(home, '.pyenv'), 'versions');
  const roots = [
    VIRTUAL_ENV,
    CONDA_PREFIX,
    ...['.venv', 'venv'].map((name) => join(process.cwd(), name)),
    join(home, '.local'),
    ...['miniconda3', 'anaconda3', 'miniforge3'].map((name) => join(home, name)),
    ...names(pyenv).map((name) => join(pyenv, name)),
    '/opt/conda',
    '/opt/venv',
    '/usr/local',
    '/usr',
  ];
  return [...new Set(roots.filter((root) => root !== undefined && root !== ''))] as string[];
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
