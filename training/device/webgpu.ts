import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './probe.ts';

/**
 * How many times as fast as the CPU WebGPU must be to be chosen without being asked for. A driver that computes on the
 * CPU (SwiftShader, llvmpipe) is 100 times slower than the CPU itself, a GPU of its own 10 times faster; between them
 * are small GPUs inside a processor, where the advantage would be lost to copies and to the start.
 */
export const clearlyFaster = 2;

/** Such as `multiplies matrices 9.3 times as fast as the CPU`. */
export function speedOf({ milliseconds, cpuMilliseconds }: Measured): string {
  const times = cpuMilliseconds / milliseconds;
  return times >= 1
    ? `multiplies matrices ${rounded(times)} times as fast as the CPU`
    : `multiplies matrices ${rounded(1 / times)} times slower than the CPU`;
}

const rounded = (times: number) => (times < 10 ? times.toFixed(1) : String(Math.round(times)));

export const isClearlyFaster = ({ milliseconds, cpuMilliseconds }: Measured): boolean =>
  cpuMilliseconds >= clearlyFaster * milliseconds;

export const webgpuAdvice = (): string =>
  process.platform === 'linux'
    ? "needs a GPU with a Vulkan driver: libvulkan1 and the GPU's own"
    : 'needs a GPU with a current driver';

/** Whether Linux has any driver of Vulkan, by the files that announce them: without one there is nothing to try. */
export function hasVulkanDriver(env: NodeJS.ProcessEnv = process.env): boolean {
  const isSet = (name: string) => (env[name] ?? '') !== '';
  if (['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].some(isSet)) return true;
  const folders = (name: string, usual: string) => (isSet(name) ? env[name]! : usual).split(':');
  return [
    ...folders('XDG_DATA_HOME', join(homedir(), '.local/share')),
    ...folders('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
    ...folders('XDG_CONFIG_DIRS', '/etc/xdg'),
    '/etc',
    '/run/opengl-driver/share',
  ].some((folder) => hasManifest(join(folder, 'vulkan/icd.d')));
}

function hasManifest(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith('.json'));
  } catch {
    return false;
  }
}
