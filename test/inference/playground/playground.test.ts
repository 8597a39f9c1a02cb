import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Generator } from '../../../inference/node.ts';
import type { SampleOptions } from '../../../inference/node.ts';
import { chromiumLacks, launchChromium } from '../../browser/chromium.ts';
import { serveSite } from '../../browser/site.ts';
import { ganx } from '../../ganx.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { served } from '../../cli/served.ts';
import {
  classes,
  conditionalModel,
  discriminatorModel,
  dropoutRecipe,
  generatorModel,
  grey,
  points,
  pointsRecipe,
} from '../generators.ts';

const patience = { timeout: 100_000 };
const digits = generatorModel(dropoutRecipe, grey);

let browser: Browser;

beforeAll(async () => {
  if (!chromiumLacks) browser = await launchChromium();
});

afterAll(() => (chromiumLacks ? undefined : browser.close()));

/** A page that asks nobody but its own host, and says nothing wrong. */
async function openPlayground(url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('pageerror', ({ message }) => wrong.push(message));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) wrong.push(request.url());
  });
  onTestFinished(async () => {
    await context.close();
    expect(wrong).toEqual([]);
  });
  await page.goto(url);
  return page;
}

async function servedPage(model: Uint8Array, options?: BrowserContextOptions): Promise<Page> {
  const path = join(temporaryFolder(), 'generator.onnx');
  await writeFile(path, model);
  const { url } = await served([path]);
  const page = await openPlayground(url, options);
  await drawn(page);
  return page;
}

const drawn = (page: Page) =>
  page.waitForFunction(
    () =>
      document.getElementById('timing')!.textContent.includes(' samples in ') &&
      !document.querySelector('.busy'),
    null,
    patience,
  );

/** Red of every pixel of a canvas. */
const pixels = (page: Page, selector: string) =>
  page.locator(selector).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]!);
  });

/** What Node draws: bytes of sample `index`. */
async function inNode(
  model: Uint8Array,
  n: number,
  options: SampleOptions,
  index: number,
): Promise<number[]> {
  const generator = await Generator.load(model, { threads: 1 });
  const { data } = await generator.sample(n, options);
  await generator.dispose();
  const size = data.length / n;
  return [...Uint8ClampedArray.from(data.subarray(index * size, (index + 1) * size), (x) => (x + 1) * 127.5)];
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Infinity;

/** Until the canvas shows what Node draws, up to a step of a byte. */
async function shows(page: Page, selector: string, expected: readonly number[]): Promise<void> {
  await expect
    .poll(async () => farthest(await pixels(page, selector), expected), patience)
    .toBeLessThanOrEqual(1);
}

const tile = (index: number) => `#grid > :nth-child(${index + 1})`;

describe.skipIf(chromiumLacks)(`the playground${chromiumLacks ? ` (skipped: ${chromiumLacks})` : ''}`, () => {
  test('draws what Node draws, and says how long it took', async () => {
    const page = await servedPage(digits);
    expect(await page.locator('#grid > *').count()).toBe(64);
    for (const index of [0, 37])
      await shows(page, `${tile(index)} canvas`, await inNode(digits, 64, { seed: 0 }, index));
    expect(await page.textContent('#timing')).toMatch(/^64 samples in [\d.]+ ms on wasm, \d threads?/);
    await page.selectOption('#count', '16');
    await page.fill('#seed', '7');
    await page.locator('#truncation').fill('0.5');
    await shows(page, `${tile(5)} canvas`, await inNode(digits, 16, { seed: 7, truncation: 0.5 }, 5));
    expect(await page.textContent('#truncation-value')).toBe('0.5 σ');
    expect(await page.isVisible('#class')).toBe(false);
    // What is half typed is not asked for.
    await page.fill('#seed', '');
    expect(await page.isVisible('#problem')).toBe(false);
  });

  test('walks between two samples on the great circle', async () => {
    const page = await servedPage(digits);
    const generator = await Generator.load(digits, { threads: 1 });
    const { z } = await generator.sample(64);
    const end = (i: number) => z.slice(i * 12, (i + 1) * 12);
    const frames = await generator.interpolate(end(3), end(9), 3);
    await generator.dispose();
    const frame = (i: number) => [
      ...Uint8ClampedArray.from(frames.data.subarray(i * 256, (i + 1) * 256), (x) => (x + 1) * 127.5),
    ];
    await page.click(tile(3));
    await page.click(tile(9));
    expect(
      await page
        .locator('[data-end]')
        .evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.end)),
    ).toEqual(['A', 'B']);
    await shows(page, '#end-a canvas', frame(0));
    await shows(page, '#between', frame(1));
    await shows(page, '#end-b canvas', frame(2));
    await page.locator('#slider').fill('1');
    await shows(page, '#between', frame(2));
    expect(farthest(frame(0), frame(2))).toBeGreaterThan(50);
    const [download] = await Promise.all([page.waitForEvent('download', patience), page.click('#save-walk')]);
    const { width, height } = await sharp(await readFile(await download.path())).metadata();
    expect([download.suggestedFilename(), width, height]).toEqual(['ganx-walk.png', 8 * 18 - 2, 16]);
  });

  test('can be used with the keyboard alone', async () => {
    const page = await servedPage(digits);
    const focused = () => page.evaluate(() => document.activeElement?.id ?? '');
    const reached: string[] = [];
    for (let i = 0; i < 16; i++) {
      await page.keyboard.press('Tab');
      reached.push((await focused()) || (await page.evaluate(() => document.activeElement!.className)));
    }
    // One tile of 64 takes the focus.
    expect(reached.slice(0, 13)).toEqual([
      'open',
      'seed',
      'roll',
      'count',
      'truncation',
      '',
      'save',
      'tile',
      'end-a',
      'end-b',
      'slider',
      'save-walk',
      '',
    ]);
    await page.focus(tile(0));
    for (const key of ['ArrowRight', 'ArrowDown', 'ArrowRight', 'a']) await page.keyboard.press(key);
    await page.keyboard.press('End');
    await page.keyboard.press('b');
    expect(await page.locator('[data-end=A]').getAttribute('aria-label')).toBe('Sample 11 of seed 0');
    expect(await page.locator('[data-end=B]').getAttribute('aria-label')).toBe('Sample 64 of seed 0');
    await page.keyboard.press('r');
    await expect
      .poll(() => page.locator(tile(0)).getAttribute('aria-label'), patience)
      .not.toContain('seed 0');
    const outline = await page.locator(tile(63)).evaluate((one) => getComputedStyle(one).outlineStyle);
    expect(outline).toBe('solid');
  });

  test('has classes where the generator has', async () => {
    const model = conditionalModel();
    const page = await servedPage(model);
    expect(await page.locator('#class option').allTextContents()).toEqual(['All in turn', ...classes]);
    expect(await page.locator(tile(2)).getAttribute('aria-label')).toBe('Sample 3 of seed 0, class fox');
    await page.selectOption('#class', 'dog');
    await expect
      .poll(() => page.locator(tile(2)).getAttribute('aria-label'), patience)
      .toBe('Sample 3 of seed 0, class dog');
    await shows(page, `${tile(2)} canvas`, await inNode(model, 64, { label: 1 }, 2));
  });

  test('plots points', async () => {
    const page = await servedPage(generatorModel(pointsRecipe, points));
    expect(await page.isVisible('#plot')).toBe(true);
    expect(await page.isVisible('#walk')).toBe(false);
    expect(new Set(await pixels(page, '#plot')).size).toBeGreaterThan(2);
  });

  test('saves what it shows as PNG', async () => {
    const page = await servedPage(digits);
    const [download] = await Promise.all([page.waitForEvent('download', patience), page.click('#save')]);
    expect(download.suggestedFilename()).toBe('ganx-seed-0.png');
    // Still named after what is shown.
    await page.fill('#seed', '');
    const [again] = await Promise.all([page.waitForEvent('download', patience), page.click('#save')]);
    expect(again.suggestedFilename()).toBe('ganx-seed-0.png');
    const generator = await Generator.load(digits, { threads: 1 });
    const expected = await sharp(await generator.toPng(await generator.sample(64)))
      .greyscale()
      .raw()
      .toBuffer();
    await generator.dispose();
    const found = await sharp(await readFile(await download.path()))
      .greyscale()
      .raw()
      .toBuffer();
    expect(farthest([...found], [...expected])).toBeLessThanOrEqual(1);
  });

  test('written for any host of files, takes other models, refuses what is none and keeps what it has', async () => {
    const folder = join(temporaryFolder(), 'site');
    const path = join(temporaryFolder(), 'generator.onnx');
    await writeFile(path, digits);
    expect((await ganx(['serve', path, '--static', folder], '.')).code).toBe(0);
    const host = async (folders: Record<string, string>) => {
      const site = await serveSite({ folders });
      onTestFinished(() => site.close());
      return site.url;
    };
    // Some way down in it, and without headers of ours.
    const page = await openPlayground(`${await host({ '/some/where/': `${folder}/` })}/some/where/`);
    await drawn(page);
    expect(await page.textContent('#timing')).toContain('not cross-origin isolated');

    const choose = (name: string, bytes: Uint8Array) =>
      page.setInputFiles('#file', { name, mimeType: 'application/octet-stream', buffer: Buffer.from(bytes) });
    await choose('holiday.jpg', new TextEncoder().encode('no model at all'));
    await expect
      .poll(() => page.textContent('#problem'), patience)
      .toMatch(/^holiday\.jpg: not an ONNX model .*expected the generator\.onnx of a ganx run$/);
    await choose('discriminator.onnx', discriminatorModel(dropoutRecipe, grey));
    await expect
      .poll(() => page.textContent('#problem'), patience)
      .toContain('discriminator.onnx: not a ganx generator');
    expect(await page.locator('#grid > *').count()).toBe(64);
    await choose('pets.onnx', conditionalModel());
    await expect.poll(() => page.textContent('#model'), patience).toContain('pets.onnx');
    await drawn(page);
    expect(await page.isVisible('#problem')).toBe(false);
    expect(await page.isVisible('#class')).toBe(true);

    // A model while another is at work, and back: none of both is left waiting.
    await page.selectOption('#count', '100');
    await choose('digits.onnx', digits);
    await expect.poll(() => page.textContent('#model'), patience).toContain('digits.onnx');
    await shows(page, `${tile(5)} canvas`, await inNode(digits, 64, {}, 5));
    expect(await page.isVisible('#problem')).toBe(false);

    // One after another: the last has the last word, though it takes less time.
    await choose('pets.onnx', conditionalModel());
    await choose('holiday.jpg', new TextEncoder().encode('no model at all'));
    await expect.poll(() => page.textContent('#model'), patience).toContain('pets.onnx');
    await drawn(page);
    await expect.poll(() => page.textContent('#problem'), patience).toMatch(/^holiday\.jpg: /);

    // Dropped on the page, as a hand would.
    const transfer = await page.evaluateHandle(
      (bytes) => {
        const files = new DataTransfer();
        files.items.add(new File([Uint8Array.from(bytes)], 'dropped.onnx'));
        return files;
      },
      [...digits],
    );
    await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
    await expect.poll(() => page.textContent('#model'), patience).toContain('dropped.onnx');
  });

  test('says what it takes where its script cannot run', async () => {
    const folder = join(temporaryFolder(), 'site');
    const path = join(temporaryFolder(), 'generator.onnx');
    await writeFile(path, digits);
    expect((await ganx(['serve', path, '--static', folder], '.')).code).toBe(0);
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(pathToFileURL(join(folder, 'index.html')).href);
    await expect.poll(() => page.innerText('body'), patience).toContain('opened as a file it cannot load');
  });

  test('asks for a model where none is served', async () => {
    const root = join(import.meta.dirname, '../../..');
    const site = await serveSite({
      folders: {
        '/': `${root}/dist/playground/`,
        '/ort/': `${root}/node_modules/onnxruntime-web/dist/`,
      },
    });
    onTestFinished(() => site.close());
    const page = await openPlayground(site.url);
    await page.waitForSelector('#welcome h2', patience);
    expect(await page.isVisible('#studio')).toBe(false);
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.click('#choose')]);
    await chooser.setFiles({ name: 'mine.onnx', mimeType: '', buffer: Buffer.from(digits) });
    await drawn(page);
    expect(await page.textContent('#model')).toContain('mine.onnx');
  });

  test('has a card for WebGPU, which draws the same', async () => {
    const withGpu = await launchChromium({ webgpu: true });
    onTestFinished(() => withGpu.close());
    const usual = browser;
    browser = withGpu;
    const page = await servedPage(digits).finally(() => (browser = usual));
    await page.selectOption('#count', '16');
    await page.check('[name=device][value=webgpu]', { force: true });
    await expect.poll(() => page.textContent('#timing'), patience).toContain('on webgpu');
    await shows(page, `${tile(5)} canvas`, await inNode(digits, 16, {}, 5));
    await page.check('[name=device][value=wasm]', { force: true });
    await expect.poll(() => page.textContent('#timing'), patience).toContain('on wasm');
  });

  test.each(['light', 'dark'] as const)('is readable on a phone, %s', async (colorScheme) => {
    const page = await servedPage(digits, {
      colorScheme,
      viewport: { width: 360, height: 740 },
      isMobile: true,
      hasTouch: true,
    });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    expect(await page.locator('#grid > *').count()).toBe(36);
    for (const name of ['#open', '#roll', '#count', '#save', '#slider'])
      expect((await page.locator(name).boundingBox())!.height).toBeGreaterThanOrEqual(44);
    // WCAG AA on what is written, quiet or not.
    const contrasts = await page.evaluate(() => {
      const canvas = new OffscreenCanvas(1, 1).getContext('2d')!;
      const luminance = (colour: string) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
          const part = byte / 255;
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const backgroundOf = (element: Element): string => {
        const { backgroundColor } = getComputedStyle(element);
        return backgroundColor === 'rgba(0, 0, 0, 0)'
          ? backgroundOf(element.parentElement!)
          : backgroundColor;
      };
      return ['h1 span', '#model', 'label', '#timing', '#grid-hint', '#save', '#open', '#end-b span'].map(
        (name) => {
          const element = document.querySelector(name)!;
          const [low, high] = [getComputedStyle(element).color, backgroundOf(element)]
            .map(luminance)
            .sort((a, b) => a - b);
          return [name, (high! + 0.05) / (low! + 0.05)] as const;
        },
      );
    });
    for (const [name, contrast] of contrasts) expect([name, contrast >= 4.5]).toEqual([name, true]);
    const [background] = await page.evaluate(() =>
      getComputedStyle(document.body).backgroundColor.match(/\d+/g)!.map(Number),
    );
    expect(background! > 128).toBe(colorScheme === 'light');
  });
});
