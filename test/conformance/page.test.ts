import type { Browser } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Generator } from '../../inference/node.ts';
import { chromiumLacks, launchChromium, openPage } from '../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../browser/site.ts';
import { encoderModel, encoderRecipe, generatorModel, grey } from '../inference/generators.ts';

// What a browser does beyond what all runtimes do: sources, pictures, the choice of a device.

const model = generatorModel(encoderRecipe, grey);
const files = { '/index.html': libraryPage, '/generator.onnx': model, '/encoder.onnx': encoderModel() };

let browser: Browser;
beforeAll(async () => {
  if (!chromiumLacks) browser = await launchChromium();
});
afterAll(async () => {
  if (!chromiumLacks) await browser.close();
});

/** Runs a program in a page, where `Generator` is the library's; returns what it returns. */
async function inPage<T>(program: string, isolated = false): Promise<T> {
  const site = await serveSite({ folders: libraryFolders, files, isolated });
  const { page } = await openPage(browser, `${site.url}/`);
  try {
    return await page.evaluate<T>(
      `(async () => { const { Generator } = await import('ganx/inference'); ${program} })()`,
    );
  } finally {
    await page.close();
    await site.close();
  }
}

describe.skipIf(chromiumLacks !== undefined)(
  `a page${chromiumLacks ? ` (skipped: ${chromiumLacks})` : ''}`,
  () => {
    test('loads from addresses, Responses, Blobs, Files and buffers, and reconstructs as Node does', async () => {
      const generator = await Generator.load(model, { threads: 1, encoder: encoderModel() });
      const { data } = await generator.sample(3, { seed: 1 });
      const expected = await generator.reconstruct(data);
      await generator.dispose();
      const results = await inPage<number[][]>(`
        const answer = () => fetch('/generator.onnx');
        const sources = ['/generator.onnx', new URL('/generator.onnx', location.href), await answer(),
          await (await answer()).blob(), new File([await (await answer()).blob()], 'a.onnx'),
          await (await answer()).arrayBuffer()];
        const results = [];
        for (const source of sources) {
          const generator = await Generator.load(source, { device: 'wasm', encoder: '/encoder.onnx' });
          const { data } = await generator.sample(3, { seed: 1 });
          results.push([...(await generator.reconstruct(data)).data]);
          await generator.dispose();
        }
        return results;`);
      expect(results).toHaveLength(6);
      for (const result of results)
        expect(Math.max(...result.map((value, i) => Math.abs(value - expected.data[i]!)))).toBeLessThan(1e-4);
    });

    test('makes the PNG that Node makes', async () => {
      const generator = await Generator.load(model, { threads: 1 });
      const ours = await generator.toPng(await generator.sample(5, { seed: 2 }), { columns: 3 });
      await generator.dispose();
      const theirs = await inPage<number[]>(`
        const generator = await Generator.load('/generator.onnx', { device: 'wasm' });
        const png = await generator.toPng(await generator.sample(5, { seed: 2 }), { columns: 3 });
        if (png.type !== 'image/png') throw new Error(png.type);
        return [...new Uint8Array(await png.arrayBuffer())];`);
      const pixels = (png: Uint8Array) =>
        sharp(png).removeAlpha().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      const [a, b] = [await pixels(ours), await pixels(Uint8Array.from(theirs))];
      expect(b.info).toEqual(a.info);
      expect([a.info.width, a.info.height]).toEqual([3 * 18 - 2, 2 * 18 - 2]);
      expect(a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0)).toBeLessThan(
        2,
      );
    });

    test('says which device it took and why; threads take isolation and cannot be changed', async () => {
      const load = (settings: string) => `
        const generator = await Generator.load('/generator.onnx', ${settings});
        await (await Generator.load('/generator.onnx', { device: generator.backend.device })).dispose();
        const again = await Generator.load('/generator.onnx', { threads: 3 }).catch((error) => error);
        return [generator.backend, again.name, again.message];`;
      const [plain, ...once] = await inPage<unknown[]>(load('{ threads: 2 }'));
      expect(plain).toEqual({
        device: 'wasm',
        threads: 1,
        reason: expect.stringMatching(
          /WebGPU.*; 1 thread, as the page is not cross-origin isolated$/,
        ) as string,
      });
      expect(once).toEqual([undefined, undefined]);
      const [isolated, ...refused] = await inPage<unknown[]>(load("{ device: 'wasm', threads: 2 }"), true);
      expect(isolated).toEqual({ device: 'wasm', threads: 2 });
      expect(refused).toEqual([
        'InputError',
        'onnxruntime-web runs with {"threads":2} on this page already, and cannot be changed to {"threads":3}; load the page anew',
      ]);
    });

    test.each([
      ["{ device: 'tpu' }", 'device "tpu" must be auto, wasm or webgpu'],
      ["{ device: 'wasm', threads: 0 }", 'threads 0 must be an integer from 1 to 64'],
    ])('refuses %s', async (settings, message) => {
      const error = `(error) => [error.name, error.message]`;
      expect(await inPage(`return Generator.load('/generator.onnx', ${settings}).catch(${error});`)).toEqual([
        'InputError',
        message,
      ]);
    });
  },
);
