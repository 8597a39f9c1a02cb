import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

/** Vulkan on the processor, as Debian's Chromium brings it along; VK_ICD_FILENAMES names another, or a real one. */
const driver = process.env.VK_ICD_FILENAMES ?? '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Why Node has no WebGPU here; undefined where it has. */
export const webgpuLacks = existsSync(driver)
  ? undefined
  : 'no Vulkan driver is here; VK_ICD_FILENAMES can name one';

/** Of a process that is to use WebGPU: the loader of Vulkan reads its environment when a process starts. */
export function webgpuEnvironment(): NodeJS.ProcessEnv {
  const { LD_LIBRARY_PATH: path } = process.env;
  return {
    ...process.env,
    VK_ICD_FILENAMES: driver,
    LD_LIBRARY_PATH: [...(path ? [path] : []), dirname(driver)].join(':'),
  };
}

/** The title of a test that needs WebGPU in Node. */
export const onWebgpu = (title: string) => (webgpuLacks ? `${title} (skipped: ${webgpuLacks})` : title);
