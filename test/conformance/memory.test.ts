import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { chromiumLacks, launchChromium, openPage } from '../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../browser/site.ts';
import { inFolder } from '../temporary-folder.ts';
import { drawing } from './models.ts';

// A page or a server draws for days: ten thousand samples must leave no more behind than the first hundreds.

/** Calls of 100 samples. */
const [warm, more] = [10, 100];
/** Bytes of a number of calls' samples of 16 x 16: a leak of the results alone would be as large. */
const bytesOf = (calls: number) => calls * 100 * 256 * 4;
/** Parts of the 10,000 samples after which a process is looked at. */
const parts = 5;

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
    const seen = [await draw(${warm})];
    for (let part = 0; part < ${parts}; part++) seen.push(await draw(${more / parts}));
    console.log(JSON.stringify(seen));`;
  const { status, stdout, stderr } = inFolder({ 'generator.onnx': drawing }, (cwd) =>
    spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '--eval', program], {
      cwd,
      encoding: 'utf8',
    }),
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const seen = JSON.parse(stdout) as { rss: number; held: number }[];
  expect(seen.at(-1)!.held - seen[0]!.held).toBeLessThan(bytesOf(more) / 20);
  // What the system leaves resident jumps by megabytes now and then, as a busy machine drops pages of libraries and reads
  // them again; a leak grows in all parts.
  const growth = seen.slice(1).map(({ rss }, part) => rss - seen[part]!.rss);
  const median = growth.toSorted((a, b) => a - b)[Math.floor(parts / 2)];
  expect(median).toBeLessThan(bytesOf(more / parts) / 4);
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
      expect(before).toBeGreaterThan(bytesOf(more) / 20);
      expect((await heldAfter(more)) - before).toBeLessThan(bytesOf(more) / 20);
    } finally {
      await browser.close();
      await site.close();
    }
  },
);
