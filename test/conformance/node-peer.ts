import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Generator } from '../../inference/node.ts';
import { webgpuEnvironment, webgpuLacks } from '../software-webgpu.ts';
import { inFolder } from '../temporary-folder.ts';
import type { RuntimeUnderTest } from './peer.ts';

export const nodeCpu: RuntimeUnderTest = {
  name: 'Node, cpu',
  lacks: undefined,
  open: () =>
    Promise.resolve({
      draw: async (model, optimization, calls) => {
        const generator = await Generator.load(model, { optimization });
        try {
          const results: Float32Array[] = [];
          for (const { n, z, ...options } of calls) {
            const latents = z && { z: Float32Array.from(z) };
            results.push((await generator.sample(n, { ...options, ...latents })).data);
          }
          return results;
        } finally {
          await generator.dispose();
        }
      },
      close: () => Promise.resolve(),
    }),
};

const library = pathToFileURL(join(import.meta.dirname, '../../dist/inference/node.js')).href;

const program = (optimization: string) => `
import { readFileSync } from 'node:fs';
import { Generator } from '${library}';
const generator = await Generator.load('generator.onnx', { device: 'webgpu', optimization: '${optimization}' });
const results = [];
for (const { n, z, ...options } of JSON.parse(readFileSync('calls.json', 'utf8'))) {
  const latents = z && { z: Float32Array.from(z) };
  results.push([...(await generator.sample(n, { ...options, ...latents })).data]);
}
console.log(JSON.stringify(results));`;

export const nodeWebgpu: RuntimeUnderTest = {
  name: 'Node, webgpu',
  needsFoldedHalves: true,
  lacks: webgpuLacks,
  open: () =>
    Promise.resolve({
      draw: (model, optimization, calls) => {
        const files = { 'generator.onnx': model, 'calls.json': JSON.stringify(calls) };
        const output = inFolder(files, (cwd) => {
          const args = ['--input-type=module', '--eval', program(optimization)];
          const { status, stdout, stderr } = spawnSync(process.execPath, args, {
            cwd,
            env: webgpuEnvironment(),
            encoding: 'utf8',
            maxBuffer: 2 ** 28,
          });
          if (status !== 0) throw new Error(stderr);
          return stdout;
        });
        const results = JSON.parse(output) as number[][];
        return Promise.resolve(results.map((values) => Float32Array.from(values)));
      },
      close: () => Promise.resolve(),
    }),
};
