import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSharedLibrary } from '../../../training/device/cuda/elf.ts';
import { parseDriverVersion } from '../../../training/device/cuda/facts.ts';
import type { CudaFacts } from '../../../training/device/cuda/facts.ts';
import { librariesIn, pythonFolders } from '../../../training/device/cuda/libraries.ts';
import { cudaProblems, refusedByCuda } from '../../../training/device/cuda/problems.ts';
import { providerHome } from '../../../training/device/cuda/provider.ts';
import { probedOf, reasonOf } from '../../../training/device/probe.ts';
import { hasVulkanDriver, isClearlyFaster, speedOf } from '../../../training/device/webgpu.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const isLinux = process.platform === 'linux' && process.arch === 'x64';
const absent = (name: string) => `${name}: cannot open shared object file: No such file or directory`;
const names = ['libcublasLt.so.13', 'libcublas.so.13', 'libcudart.so.13', 'libcudnn.so.9', 'libcuda.so.1'];

/** A machine where everything is as it should be. */
const good: CudaFacts = {
  driver: '580.65.06',
  home: { folder: '/x', version: '1.30.0' },
  provider: {
    path: '/x/p.so',
    arch: 'x64',
    version: '1.30.0',
    needed: names.filter((name) => !name.includes('cudnn')),
  },
  libraries: new Map(names.map((name) => [name, null])),
  found: [],
  libraryPath: '',
};
const lacking = (...missing: string[]): CudaFacts['libraries'] =>
  new Map(names.map((name) => [name, missing.includes(name) ? absent(name) : null]));
const found = (facts: Partial<CudaFacts>) => cudaProblems({ ...good, ...facts });

describe('what is wrong with CUDA', () => {
  test('nothing, where all is there', () => {
    expect(found({})).toEqual([]);
    expect(found({ driver: '595.58.03' })).toEqual([]);
  });

  test('no driver comes first, and what else is missing follows', () => {
    const problems = found({ driver: undefined, provider: undefined, libraries: new Map() });
    expect(problems.map(({ what }) => what)).toEqual([
      'no NVIDIA driver is loaded',
      'the CUDA provider is not installed',
    ]);
    expect(problems[0]!.mend[0]).toMatch(/^install the NVIDIA driver 580 or newer/);
    expect(problems[1]!.mend).toEqual(['npx ganx install-cuda']);
  });

  test('a driver that is too old for the CUDA of the provider', () => {
    const [problem] = found({ driver: '535.104.05' });
    expect(problem!.what).toBe(
      'the NVIDIA driver 535.104.05 is too old for CUDA 13, which needs 580 or newer',
    );
    const provider = { ...good.provider!, needed: ['libcudart.so.12'] };
    expect(found({ driver: '535.104.05', provider })).toEqual([]);
  });

  test('a container that sees the driver and not its library', () => {
    const [problem] = found({ libraries: lacking('libcuda.so.1') });
    expect(problem!.what).toBe(
      'the NVIDIA driver 580.65.06 is loaded, but its library libcuda.so.1 is not found',
    );
    expect(problem!.mend[0]).toContain('--gpus all');
  });

  test('a provider of another version, for another machine, or damaged', () => {
    const what = (facts: Partial<CudaFacts>) => found(facts)[0]!.what;
    expect(what({ provider: { ...good.provider!, version: '1.29.0' } })).toBe(
      'the CUDA provider is 1.29.0, and onnxruntime-node 1.30.0',
    );
    expect(what({ provider: { ...good.provider!, arch: 'arm64' } })).toBe(
      'the CUDA provider is for arm64, not x64',
    );
    expect(what({ provider: undefined, damaged: 'cut short' })).toBe(
      'the CUDA provider is damaged (cut short)',
    );
  });

  test('every library that is missing, with the packages that have them', () => {
    const libraries = new Map(lacking('libcublasLt.so.13', 'libcudnn.so.9'));
    // It is there, and lacks the other.
    libraries.set('libcublas.so.13', absent('libcublasLt.so.13'));
    expect(found({ libraries })).toEqual([
      {
        what: 'of CUDA 13, missing: libcublasLt.so.13, libcudnn.so.9 (cuDNN, for convolutions)',
        mend: [
          "pip install 'nvidia-cublas==13.*' 'nvidia-cudnn-cu13==9.*'",
          '"ganx doctor" then tells the LD_LIBRARY_PATH that finds them',
        ],
      },
    ]);
  });

  test('the libraries of another CUDA', () => {
    const [problem] = found({
      libraries: lacking('libcudart.so.13'),
      found: [{ name: 'libcudart.so.12', folder: '/usr/local/cuda/lib64' }],
    });
    expect(problem!.what).toBe(
      'of CUDA 13, missing: libcudart.so.13 (only libcudart.so.12 in /usr/local/cuda/lib64)',
    );
    const provider = { ...good.provider!, needed: ['libcudart.so.12', 'libcublas.so.12'] };
    const [old] = found({ provider, libraries: new Map([['libcublas.so.12', absent('libcublas.so.12')]]) });
    expect(old!.mend[0]).toBe('pip install nvidia-cublas-cu12');
  });

  test('libraries that PyTorch brought, with the path that finds them', () => {
    const folder = '/venv/lib/python3.12/site-packages/nvidia/cudnn/lib';
    const libraries = lacking('libcudnn.so.9');
    const [problem] = found({ libraries, found: [{ name: 'libcudnn.so.9', folder }], libraryPath: '/mine' });
    expect(problem).toEqual({
      what: 'of CUDA 13, not on LD_LIBRARY_PATH: libcudnn.so.9 (cuDNN, for convolutions)',
      mend: [`export LD_LIBRARY_PATH=${folder}:/mine`],
    });
  });

  test('a GPU that the provider has no kernels for, and another refusal of CUDA', () => {
    const log =
      'CUDA failure 209: no kernel image is available for execution on the device ; GPU=0 ; hostname=h ; expr=cudaGetLastError();';
    const { what, mend } = refusedByCuda(reasonOf(log));
    expect(what).toBe('CUDA says: no kernel image is available for execution on the device');
    expect(mend[0]).toMatch(
      /^the CUDA provider has no kernels for this GPU: it is for compute capability 7\.5, 8\.x, 9\.0 or 12\.x/,
    );
    expect(mend[1]).toContain('--device webgpu');
    expect(refusedByCuda('out of memory').mend).toEqual([
      'see that nvidia-smi lists the GPU and that its memory is free',
    ]);
  });

  test('a library that is broken', () => {
    const [problem] = found({
      libraries: new Map([['libcublas.so.13', 'libcublas.so.13: invalid ELF header']]),
    });
    expect(problem!.what).toBe(
      'of CUDA 13, libcublas.so.13 does not load (libcublas.so.13: invalid ELF header)',
    );
  });

  test('a system that cannot have it', () => {
    expect(
      found({ impossible: 'onnxruntime-node has CUDA for linux-x64 only, and this is darwin-arm64' }),
    ).toHaveLength(1);
  });
});

describe('what is read from the system', () => {
  test('the version of the driver, as the closed and the open module write it', () => {
    const closed =
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc version 11.4.0';
    const open =
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@host)\n';
    expect([closed, open, ''].map(parseDriverVersion)).toEqual(['535.104.05', '580.65.06', undefined]);
  });

  test('the folders of NVIDIA in an environment of Python', () => {
    const root = temporaryFolder();
    const lib = join(root, 'lib/python3.12/site-packages/nvidia/cu13/lib');
    mkdirSync(lib, { recursive: true });
    writeFileSync(join(lib, 'libcublas.so.13'), '');
    writeFileSync(join(lib, 'readme'), '');
    expect(librariesIn(pythonFolders([root]))).toEqual([{ name: 'libcublas.so.13', folder: lib }]);
  });

  test.skipIf(!isLinux)("the headers of onnxruntime's own library", () => {
    const { folder } = providerHome();
    const { arch, needed } = readSharedLibrary(join(folder, 'libonnxruntime.so.1'));
    expect(arch).toBe('x64');
    expect(needed).toContain('libc.so.6');
  });

  test('the drivers of Vulkan', () => {
    const data = temporaryFolder();
    const env = { XDG_DATA_HOME: data, XDG_DATA_DIRS: data, XDG_CONFIG_DIRS: data };
    const before = hasVulkanDriver(env);
    mkdirSync(join(data, 'vulkan/icd.d'), { recursive: true });
    writeFileSync(join(data, 'vulkan/icd.d/gpu.json'), '{}');
    expect(hasVulkanDriver(env)).toBe(true);
    expect(hasVulkanDriver({ VK_ICD_FILENAMES: '/x.json' })).toBe(true);
    // A machine may have one for all, in /etc.
    expect(typeof before).toBe('boolean');
  });
});

test("a probe's reason is CUDA's own words, the loader's, or the last line", () => {
  expect(
    reasonOf(
      'cuda_call.cc:146 CudaCall(...) CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=x',
    ),
  ).toBe('CUDA driver version is insufficient for CUDA runtime version');
  expect(
    reasonOf(
      'FAIL : Failed to load library /a/libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object file: No such file or directory\n\nFailed to load shared library\n',
    ),
  ).toBe('libcuda.so.1: cannot open shared object file: No such file or directory');
  expect(reasonOf('warning\nsomething else\n')).toBe('something else');
});

test('a probe that ends in float16 has told that the device works', () => {
  const measured = { size: 512, milliseconds: 2, cpuMilliseconds: 60 };
  const wrong = { ...measured, halvesProblem: 'other numbers' };
  const told = (...lines: object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const crashed = { errors: '', problem: 'it crashed (SIGSEGV)' };
  const well = { errors: '', problem: undefined };
  expect(probedOf({ output: told(measured, measured), ...well }, 'cuda')).toEqual({
    works: true,
    ...measured,
  });
  expect(probedOf({ output: told(measured, wrong), ...well }, 'cuda')).toEqual({ works: true, ...wrong });
  expect(probedOf({ output: told(measured), ...well }, 'webgpu')).toEqual({ works: true, ...measured });
  expect(probedOf({ output: told(measured), ...crashed }, 'cuda')).toEqual({
    works: true,
    ...measured,
    halvesProblem: crashed.problem,
  });
  // As it ends: who knows what a training would.
  expect(probedOf({ output: told(measured, measured), ...crashed }, 'cuda')).toEqual({
    works: false,
    reason: crashed.problem,
  });
  expect(probedOf({ output: told(measured), ...crashed }, 'webgpu')).toEqual({
    works: false,
    reason: crashed.problem,
  });
  expect(probedOf({ output: '', ...crashed }, 'cuda')).toEqual({ works: false, reason: crashed.problem });
});

test('WebGPU is taken for a GPU where it is clearly faster', () => {
  const gpu = { size: 1024, milliseconds: 2, cpuMilliseconds: 60 };
  const software = { size: 64, milliseconds: 280, cpuMilliseconds: 0.4 };
  const shared = { size: 1024, milliseconds: 50, cpuMilliseconds: 60 };
  expect([gpu, software, shared].map(isClearlyFaster)).toEqual([true, false, false]);
  expect([gpu, software, shared].map(speedOf)).toEqual([
    'multiplies matrices 30 times as fast as the CPU',
    'multiplies matrices 700 times slower than the CPU',
    'multiplies matrices 1.2 times as fast as the CPU',
  ]);
});
