import { spawn } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Generator } from '../../inference/node.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { dropoutRecipe, generatorModel, grey } from '../inference/generators.ts';

const root = join(import.meta.dirname, '../..');

test('examples/fastify serves samples as it stands, and ends at SIGTERM', async () => {
  const folder = temporaryFolder();
  await cp(join(root, 'examples/fastify'), folder, { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/ganx'));
  await symlink(join(root, 'node_modules/fastify'), join(folder, 'node_modules/fastify'));
  const model = generatorModel(dropoutRecipe, grey);
  await writeFile(join(folder, 'generator.onnx'), model);

  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  const url = await new Promise<string>((resolve, reject) => {
    let log = '';
    child.stdout.on('data', (data: Buffer) => {
      log += data.toString();
      const [, address] = /listening at (http:\/\/127\.0\.0\.1:\d+)/.exec(log) ?? [];
      if (address !== undefined) resolve(address);
    });
    void ended.then((code) => {
      reject(new Error(`the example ended with ${String(code)}`));
    });
  });

  const response = await fetch(`${url}/sample.png?seed=7&n=4`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png']);
  const generator = await Generator.load(model);
  const expected = await generator.toPng(await generator.sample(4, { seed: 7 }));
  await generator.dispose();
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), expected)).toBe(0);
  expect((await fetch(`${url}/sample.png?n=65`)).status).toBe(400);
  expect((await fetch(`${url}/sample.png?seed=3000000000`)).status).toBe(400);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
