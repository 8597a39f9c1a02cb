import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Vulkan on the processor, as Debian's Chromium brings it along: a WebGPU that works and is no GPU. */
export const softwareDriver = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** VK_ICD_FILENAMES names another, or a real one. */
const usualDriver = process.env.VK_ICD_FILENAMES ?? softwareDriver;

/** Why Node has no WebGPU here; undefined where it has. */
export const webgpuLacks = existsSync(usualDriver)
  ? undefined
  : 'no Vulkan driver is here; VK_ICD_FILENAMES can name one';

/** Of a process that is to use WebGPU: the loader of Vulkan reads its environment when a process starts. */
export function webgpuEnvironment(driver = usualDriver): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: path } = process.env;
  return {
    ...process.env,
    VK_ICD_FILENAMES: driver,
    LD_LIBRARY_PATH: [...(path ? [path] : []), dirname(driver)].join(':'),
    // Mesa's own, which says on stderr what it misses where there is no desktop.
    VK_LOADER_LAYERS_DISABLE: '~implicit~',
  };
}

/** The title of a test that needs WebGPU in Node. */
export const onWebgpu = (title: string) => (webgpuLacks ? `${title} (skipped: ${webgpuLacks})` : title);
