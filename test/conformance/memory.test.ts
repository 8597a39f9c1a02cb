import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { chromiumLacks, launchChromium, openPage } from '../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../browser/site.ts';
import { inFolder } from './folder.ts';
import { drawing } from './models.ts';

// A page or a server draws for days: ten thousand samples must leave no more behind than the first hundreds.

/** Calls of 100 samples. */
const [warm, more] = [10, 100];
/** Bytes of 10,000 samples of 16 x 16: a leak of the results alone would be as large. */
const results = 100 * more * 256 * 4;

const library = pathToFileURL(join(import.meta.dirname, '../../dist/inference/node.js')).href;

test('Node keeps nothing of 10,000 samples', () => {
  const program = `
    import { Generator } from '${library}';
    const generator = await Generator.load('generator.onnx', { threads: 1 });
    const draw = async (calls) => {
      for (let i = 0; i < calls; i++) await generator.sample(100, { seed: i });
      for (let i = 0; i < 3; i++) { gc(); await new Promise(setImmediate); }
      const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
      return { rss, held: heapUsed + arrayBuffers };
    };
    console.log(JSON.stringify([await draw(${warm}), await draw(${more})]));`;
  const { status, stdout, stderr } = inFolder({ 'generator.onnx': drawing }, (cwd) =>
    spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '--eval', program], {
      cwd,
      encoding: 'utf8',
    }),
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [before, after] = JSON.parse(stdout) as { rss: number; held: number }[];
  expect(after!.held - before!.held).toBeLessThan(results / 20);
  expect(after!.rss - before!.rss).toBeLessThan(results);
});

test.skipIf(chromiumLacks !== undefined)(
  `Chromium keeps nothing of 10,000 samples${chromiumLacks ? ` (skipped: ${chromiumLacks})` : ''}`,
  async () => {
    const files = { '/index.html': libraryPage, '/generator.onnx': drawing };
    const site = await serveSite({ folders: libraryFolders, files });
    const browser = await launchChromium();
    try {
      const { page } = await openPage(browser, `${site.url}/`);
      const devtools = await page.context().newCDPSession(page);
      await page.evaluate(`(async () => {
        const { Generator } = await import('ganx/inference');
        const generator = await Generator.load('/generator.onnx', { device: 'wasm' });
        globalThis.draw = async (calls) => {
          for (let i = 0; i < calls; i++) await generator.sample(100, { seed: i });
        };
      })()`);
      const heldAfter = async (calls: number) => {
        await page.evaluate(`draw(${calls})`);
        await devtools.send('HeapProfiler.collectGarbage');
        // Buffers, those of WebAssembly among them, count as backing storage.
        const { usedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage');
        return usedSize + backingStorageSize;
      };
      const before = await heldAfter(warm);
      expect(before).toBeGreaterThan(results / 20);
      expect((await heldAfter(more)) - before).toBeLessThan(results / 20);
    } finally {
      await browser.close();
      await site.close();
    }
  },
);
