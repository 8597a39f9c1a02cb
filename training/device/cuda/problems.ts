import type { CudaFacts } from './facts.ts';
import { cudnnLibrary, driverLibrary, libraryName, pipPackages } from './libraries.ts';
import { cudaMajor } from './provider.ts';

/** Something in the way of a device, and what mends it. */
export interface Problem {
  /** What is wrong; the first of several is the one to tell where there is room for one. */
  readonly what: string;
  /** A command or a step each. */
  readonly mend: readonly string[];
}

/** The least driver of Linux for each CUDA, by NVIDIA's table of minor version compatibility. */
export const leastDrivers: Readonly<Record<number, number>> = { 12: 525, 13: 580 };

/** What the kernels in a provider from PyPI are for; it has none that a driver could translate for others. */
const computeCapabilities = '7.5, 8.x, 9.0 or 12.x';

/** What a provider from PyPI wants; until one is installed, what it will want is not known. */
const usualCuda = 13;

export const installCommand = 'npx ganx install-cuda';

/** Everything that is wrong with CUDA on a machine, the driver first: without a GPU the rest does not matter. */
export function cudaProblems(facts: CudaFacts): Problem[] {
  if (facts.impossible !== undefined)
    return [{ what: facts.impossible, mend: ['--device webgpu may use the GPU here'] }];
  return [...driverProblems(facts), ...providerProblems(facts), ...libraryProblems(facts)];
}

/** What is wrong where all is there and CUDA does not compute, in its own words. */
export function refusedByCuda(reason: string): Problem {
  const what = `CUDA says: ${reason}`;
  if (!reason.startsWith('no kernel image is available'))
    return { what, mend: ['see that nvidia-smi lists the GPU and that its memory is free'] };
  return {
    what,
    mend: [
      `the CUDA provider has no kernels for this GPU: it is for compute capability ${computeCapabilities}, and nvidia-smi --query-gpu=name,compute_cap --format=csv tells which this is`,
      '--device webgpu may use the GPU here',
    ],
  };
}

function driverProblems({ driver, provider, libraries }: CudaFacts): Problem[] {
  const cuda = (provider && cudaMajor(provider)) ?? usualCuda;
  const least = leastDrivers[cuda];
  const wanted = least === undefined ? '' : ` ${least} or newer`;
  if (driver === undefined)
    return [
      {
        what: 'no NVIDIA driver is loaded',
        mend: [
          `install the NVIDIA driver${wanted}, after which nvidia-smi lists the GPU; a container is started with --gpus all`,
        ],
      },
    ];
  if (least !== undefined && Number.parseInt(driver) < least)
    return [
      {
        what: `the NVIDIA driver ${driver} is too old for CUDA ${cuda}, which needs ${least} or newer`,
        mend: [`install the NVIDIA driver ${least} or newer`],
      },
    ];
  // In a container the kernel's driver is seen also where its libraries are not.
  if (typeof libraries.get(driverLibrary) === 'string')
    return [
      {
        what: `the NVIDIA driver ${driver} is loaded, but its library ${driverLibrary} is not found`,
        mend: ['start the container with --gpus all, or reinstall the driver'],
      },
    ];
  return [];
}

function providerProblems({ home, provider, damaged }: CudaFacts): Problem[] {
  if (damaged !== undefined)
    return [{ what: `the CUDA provider is damaged (${damaged})`, mend: [installCommand] }];
  if (!provider) return [{ what: 'the CUDA provider is not installed', mend: [installCommand] }];
  if (provider.arch !== 'x64')
    return [{ what: `the CUDA provider is for ${provider.arch}, not x64`, mend: [installCommand] }];
  if (home && provider.version !== home.version) {
    const version = provider.version ?? 'of an unknown version';
    return [
      {
        what: `the CUDA provider is ${version}, and onnxruntime-node ${home.version}`,
        mend: [installCommand],
      },
    ];
  }
  return [];
}

function libraryProblems({ provider, libraries, found, libraryPath }: CudaFacts): Problem[] {
  if (!provider) return [];
  const cuda = cudaMajor(provider) ?? usualCuda;
  const answers = [...libraries].filter(([name, answer]) => answer !== null && name !== driverLibrary);
  if (answers.length === 0) return [];
  // A library that is there answers with the name of one that it needs itself.
  const missing = [...new Set(answers.flatMap(([, answer]) => absentLibrary(answer!) ?? []))].filter(
    (name) => name !== driverLibrary,
  );
  const broken = answers.filter(([, answer]) => absentLibrary(answer!) === undefined);

  const folderOf = (name: string) => found.find((library) => library.name === name)?.folder;
  const nowhere = missing.filter((name) => folderOf(name) === undefined);
  const folders = [...new Set(missing.flatMap((name) => folderOf(name) ?? []))];
  const mend: string[] = [];
  if (nowhere.length) mend.push(`pip install ${pipPackages(nowhere, cuda).map(quoted).join(' ')}`);
  if (folders.length)
    mend.push(`export LD_LIBRARY_PATH=${[...folders, ...(libraryPath ? [libraryPath] : [])].join(':')}`);
  else if (nowhere.length) mend.push('"ganx doctor" then tells the LD_LIBRARY_PATH that finds them');
  for (const [name] of broken) mend.push(`reinstall what brings ${name}`);

  const absent = nowhere.map((name) => name + purposeOf(name) + otherVersion(name, found));
  const unseen = missing.filter((name) => !nowhere.includes(name)).map((name) => name + purposeOf(name));
  const list = [
    ...(absent.length ? [`missing: ${absent.join(', ')}`] : []),
    ...(unseen.length ? [`not on LD_LIBRARY_PATH: ${unseen.join(', ')}`] : []),
    ...broken.map(([name, answer]) => `${name} does not load (${answer!})`),
  ];
  return list.length ? [{ what: `of CUDA ${cuda}, ${list.join('; ')}`, mend }] : [];
}

/** A shell would take the star for a name of files. */
const quoted = (text: string) => (text.includes('*') ? `'${text}'` : text);

const absentLibrary = (answer: string) => /^(\S+): cannot open shared object file/.exec(answer)?.[1];

const purposeOf = (name: string) => (name === cudnnLibrary ? ' (cuDNN, for convolutions)' : '');

/** Told of a library that is here for another CUDA. */
function otherVersion(name: string, found: CudaFacts['found']): string {
  const wanted = libraryName(name);
  const other = found.find(({ name: file }) => {
    const is = libraryName(file);
    return is?.stem === wanted?.stem && is?.major !== wanted?.major;
  });
  return other ? ` (only ${other.name} in ${other.folder})` : '';
}
