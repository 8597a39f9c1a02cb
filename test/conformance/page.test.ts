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
let withWebgpu: Browser;
beforeAll(async () => {
  if (chromiumLacks) return;
  browser = await launchChromium();
  withWebgpu = await launchChromium({ webgpu: true });
});
afterAll(async () => {
  if (chromiumLacks) return;
  await browser.close();
  await withWebgpu.close();
});

/** Runs a program in a page, where `Generator` is the library's; returns what it returns. */
async function inPage<T>(program: string, { isolated = false, on = browser } = {}): Promise<T> {
  const site = await serveSite({ folders: libraryFolders, files, isolated });
  const { page } = await openPage(on, `${site.url}/`);
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
      const [isolated, ...refused] = await inPage<unknown[]>(load("{ device: 'wasm', threads: 2 }"), {
        isolated: true,
      });
      expect(isolated).toEqual({ device: 'wasm', threads: 2 });
      expect(refused).toEqual([
        'InputError',
        'onnxruntime-web runs with {"threads":2} on this page already, and cannot be changed to {"threads":3}; load the page anew',
      ]);
    });

    // Passes the software adapter off as a graphics card: only there is WebGPU the choice.
    const card = `
      Object.defineProperty(GPUAdapterInfo.prototype, 'isFallbackAdapter', { get: () => false });`;

    test('takes WebGPU by itself where there is a graphics card, and draws the same', async () => {
      const generator = await Generator.load(model, { threads: 1 });
      const { data } = await generator.sample(3, { seed: 1 });
      await generator.dispose();
      const [backend, drawn] = await inPage<[object, number[]]>(
        `${card}
        const generator = await Generator.load('/generator.onnx');
        return [generator.backend, [...(await generator.sample(3, { seed: 1 })).data]];`,
        { on: withWebgpu },
      );
      expect(backend).toEqual({ device: 'webgpu', reason: 'this browser has WebGPU' });
      expect(Math.max(...drawn.map((value, i) => Math.abs(value - data[i]!)))).toBeLessThan(1e-4);
    });

    const failing = (method: string) => `${card}
      ${method} = () => { throw new Error('the card is on strike'); };`;
    test.each([
      [
        'there is no adapter',
        'GPU.prototype.requestAdapter = async () => null;',
        'WebGPU finds no graphics card',
      ],
      [
        'asking for one fails',
        'GPU.prototype.requestAdapter = () => Promise.reject(new Error());',
        'WebGPU finds no graphics card',
      ],
      ['the adapter is software', '', 'WebGPU would run on the processor, where wasm is faster'],
      ['no device can be had', failing('GPUAdapter.prototype.requestDevice'), /^WebGPU failed: .*on strike/],
      [
        'a first sample cannot be drawn',
        failing('GPUDevice.prototype.createShaderModule'),
        /^WebGPU failed: .*on strike/,
      ],
    ])('takes wasm by itself where %s, and says so', async (_what, before, reason) => {
      const [backend, shape] = await inPage<[{ device: string; reason: string }, number[]]>(
        `${before}
        const generator = await Generator.load('/generator.onnx', { threads: 1 });
        return [generator.backend, (await generator.sample(2)).shape];`,
        { on: withWebgpu },
      );
      expect(backend).toMatchObject({ device: 'wasm', threads: 1 });
      if (typeof reason === 'string') expect(backend.reason).toBe(reason);
      else expect(backend.reason).toMatch(reason);
      expect(backend.reason).not.toContain('leave the device');
      expect(shape).toEqual([2, 1, 16, 16]);
    });

    test('files of onnxruntime-web that are not where they should be are not blamed on the model', async () => {
      const message = await inPage(`
        const load = Generator.load('/generator.onnx', { device: 'wasm', wasmPaths: '/elsewhere/' });
        return load.catch(({ name, message }) => name + ': ' + message);`);
      expect(message).toMatch(/^InputError: onnxruntime-web cannot be started \(.+\); .*wasmPaths/);
    });

    test('a canvas that the page does not have is named', async () => {
      expect(
        await inPage(`
          const generator = await Generator.load('/generator.onnx', { device: 'wasm' });
          try { generator.draw(document.querySelector('#none'), await generator.sample(1)); }
          catch ({ name, message }) { return name + ': ' + message; }`),
      ).toBe('InputError: canvas null must be an HTMLCanvasElement or an OffscreenCanvas');
    });

    test('a file that is gone since it was chosen is named', async () => {
      expect(
        await inPage(`
          const file = new File(['x'], 'mine.onnx');
          file.arrayBuffer = async () => { throw new DOMException('not found', 'NotFoundError'); };
          return Generator.load(file).catch(({ name, message }) => name + ': ' + message);`),
      ).toBe('InputError: mine.onnx: cannot be read (not found)');
    });

    test.each([
      ["{ device: 'tpu' }", 'device "tpu" must be auto, wasm or webgpu'],
      [
        "{ device: 'wasm', optimization: 'fast' }",
        'optimization "fast" must be disabled, basic, extended or all',
      ],
      ['null', 'settings null must be an object'],
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
