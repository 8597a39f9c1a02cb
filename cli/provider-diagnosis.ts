import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withoutPlace } from '../artifacts/errors.ts';
import type { Finding } from './finding.ts';

export type Provider = 'cpu' | 'cuda' | 'webgpu';

export const installRuntime = 'npm install --ignore-scripts onnxruntime-node@1.30.0';

/** The first use of a GPU compiles shaders or kernels. */
const patience = 60_000;

/** Whether a provider really computes: tried in a process of its own, because one that is broken may crash it. */
export async function diagnoseProvider(provider: Provider): Promise<Finding> {
  const problem = await probe(provider);
  if (problem === undefined) return { name: provider, status: 'ok', detail: 'computes' };
  return {
    name: provider,
    status: provider === 'cpu' ? 'failed' : 'missing',
    detail: problem,
    advice: { cpu: cpuAdvice, cuda: cudaAdvice, webgpu: webgpuAdvice }[provider](problem),
  };
}

/** Why the provider does not work; undefined where it does. */
function probe(provider: Provider): Promise<string | undefined> {
  const program = fileURLToPath(new URL('probe-provider.js', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, provider], { timeout: patience }, (error, _, stderr) => {
      if (!error) resolve(undefined);
      else if (error.killed) resolve(`no answer within ${patience / 1000} s`);
      else if (error.signal) resolve(`it crashed (${error.signal})`);
      else resolve(reasonOf(stderr));
    });
  });
}

/** The system's own words about a library that does not load, which onnxruntime only logs; otherwise the last line. */
function reasonOf(stderr: string): string {
  const library = /with error: (?:\S*\/)?(.+)/.exec(stderr)?.[1];
  if (library !== undefined) return library.trim();
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return withoutPlace(lines.at(-1) ?? 'no reason given');
}

const cpuAdvice = () => [`reinstall it: ${installRuntime}`];

function cudaAdvice(problem: string): string[] {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return ['onnxruntime-node has CUDA for linux-x64 only; here --device webgpu may use the GPU'];
  const root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  const isInstalled = existsSync(join(root, 'bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so'));
  const hasDriver = existsSync('/proc/driver/nvidia/version');
  // npm leaves the libraries out because of their size; the package's own script fetches them.
  const fetch = `ONNXRUNTIME_NODE_INSTALL=cuda12 node ${join(root, 'script/install.js')}`;
  const steps = [
    ...(hasDriver ? [] : ['needs an NVIDIA GPU with its driver; no driver is loaded']),
    ...(isInstalled ? [] : [`fetch the CUDA provider: ${fetch}`]),
    ...(isInstalled && problem.includes('.so')
      ? ['install CUDA 12 and cuDNN 9, and put their libraries on LD_LIBRARY_PATH']
      : []),
  ];
  return steps.length
    ? steps
    : ['see that nvidia-smi lists the GPU and that the driver is new enough for CUDA 12'];
}

const webgpuAdvice = (): string[] => [
  process.platform === 'linux'
    ? "needs a GPU with a Vulkan driver: libvulkan1 and the GPU's own"
    : 'needs a GPU with a current driver',
];
