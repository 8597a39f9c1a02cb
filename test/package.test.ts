import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { build, createServer } from 'vite';
import type { Rolldown } from 'vite';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Generator } from '../inference/node.ts';
import { chromiumLacks, launchChromium, openPage } from './browser/chromium.ts';
import { serveSite } from './browser/site.ts';
import { dropoutRecipe, generatorModel, grey } from './inference/generators.ts';

// What a user gets: the packed package, installed in the examples as they stand.

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');
const examples = join(root, 'examples');
const model = generatorModel(dropoutRecipe, grey);

/** The Vite example with the package installed. */
let app: string;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'ganx-package-'));
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', app], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  await cp(join(examples, 'vite'), app, { recursive: true });
  // A web developer needs neither onnxruntime-node nor sharp's binaries; Vite is here already.
  const flags = [
    '--ignore-scripts',
    '--omit=optional',
    '--omit=dev',
    '--prefer-offline',
    // The versions of Node that package.json names are those of all that it needs.
    '--engine-strict',
    '--no-audit',
    '--no-fund',
  ];
  await run('npm', ['install', ...flags, `./${filename}`], { cwd: app });
  await mkdir(join(app, 'public'));
  await writeFile(join(app, 'public/generator.onnx'), model);
}, 600_000);

afterAll(() => rm(app, { recursive: true, force: true }));

describe('the part of a web bundle that is ganx', () => {
  test('is at most 30 KB gzipped, with no training code and no other package', async () => {
    await writeFile(join(app, 'part.js'), "export { Generator } from 'ganx/inference';");
    const result = await build({
      root: app,
      configFile: false,
      logLevel: 'error',
      build: {
        write: false,
        minify: true,
        lib: { entry: join(app, 'part.js'), formats: ['es'], fileName: 'part' },
        rolldownOptions: { external: /^onnxruntime-web/ },
      },
    });
    const [{ output }] = result as Rolldown.RolldownOutput[] as [Rolldown.RolldownOutput];
    const chunks = output.filter((part) => part.type === 'chunk');
    const modules = chunks.flatMap(({ moduleIds }) => moduleIds.map((id) => id.replace(`${app}/`, '')));
    const own = 'node_modules/ganx/dist';
    const allowed = [
      `${own}/inference/`,
      `${own}/artifacts/`,
      `${own}/graph-builder/hash.js`,
      `${own}/graph-builder/probit.js`,
    ];
    const foreign = modules.filter(
      (id) => id !== 'part.js' && !allowed.some((place) => id.startsWith(place)),
    );
    expect(modules).toContain(`${own}/inference/browser.js`);
    expect(foreign).toEqual([]);
    const size = chunks.reduce((sum, { code }) => sum + gzipSync(code).length, 0);
    expect(size).toBeGreaterThan(2_000);
    expect(size).toBeLessThanOrEqual(30_000);
  });

  test('loads in CommonJS too, all of it, without the packages that are optional', async () => {
    const script =
      "for (const entry of ['', '/artifacts', '/graph-builder', '/inference']) require('ganx' + entry)";
    await run(process.execPath, ['--input-type=commonjs', '--eval', script], { cwd: app });
  });

  test('has types for bundlers and for Node', async () => {
    const program = `
      import { Generator, latents } from 'ganx/inference';
      const generator = await Generator.load(new Blob());
      const { data, z, labels = 'none', shape } = await generator.sample(1);
      const png = await generator.toPng({ data: new Float32Array(data), shape });
      png satisfies PNG;
      // None of them is a view of shared memory, which these do not take.
      export const taken = [new Response(png), new Blob([data, z, labels, latents(1, 2, 3)])];`;
    await writeFile(join(app, 'bundler.ts'), program.replace('PNG', 'Blob'));
    await writeFile(join(app, 'node.mts'), program.replace('PNG', 'Uint8Array'));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const check = (file: string, ...flags: string[]) =>
      run(process.execPath, [tsc, '--noEmit', '--strict', '--target', 'es2022', ...flags, file], {
        cwd: app,
      });
    await check('bundler.ts', '--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom');
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    await check('node.mts', '--module', 'nodenext', '--skipLibCheck', ...types);
    const entries = ['artifacts', 'graph-builder', 'inference'];
    await writeFile(
      join(app, 'all.mts'),
      entries.map((entry, i) => `export * as entry${i} from 'ganx/${entry}';`).join('\n'),
    );
    // In full: without the types of a browser, nor those of packages that are not installed.
    await check('all.mts', '--module', 'nodenext', '--lib', 'es2022', ...types);
  });
});

const skipped = chromiumLacks ? ` (skipped: ${chromiumLacks})` : '';

/** Waits until a page says that it has drawn; returns what it says. */
async function statusOf(page: Page): Promise<string> {
  await page.waitForFunction(
    () => /^(16 digits|Seed|Failed)/.test(document.getElementById('status')!.innerText),
    null,
    {
      timeout: 100_000,
    },
  );
  return page.locator('#status').innerText();
}

/** Largest difference of a page's canvas from what Node draws, in steps of a byte. */
async function differenceFromNode(page: Page, seed: number): Promise<number> {
  const generator = await Generator.load(model, { threads: 1 });
  const png = await generator.toPng(await generator.sample(16, { seed }));
  await generator.dispose();
  const expected = await sharp(png).ensureAlpha().toColourspace('srgb').raw().toBuffer();
  const pixels = await page.evaluate(() => {
    const canvas = document.getElementById('digits') as HTMLCanvasElement;
    return [...canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height).data];
  });
  expect(pixels).toHaveLength(expected.length);
  // Not a flat picture, which would be the same everywhere.
  expect(
    Math.max(...expected.filter((_, i) => i % 4 === 0)) - Math.min(...expected.filter((_, i) => i % 4 === 0)),
  ).toBeGreaterThan(100);
  return pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

describe.skipIf(chromiumLacks !== undefined)(`the examples${skipped}`, () => {
  test('Vite: builds, loads in Chromium and draws 16 digits, as Node draws them', async () => {
    await build({ root: app, logLevel: 'error' });
    const site = await serveSite({ folders: { '/': join(app, 'dist/') } });
    const browser = await launchChromium();
    try {
      const { page, errors } = await openPage(browser, `${site.url}/`);
      expect(await statusOf(page)).toMatch(/^16 digits, on wasm \(/);
      expect(await differenceFromNode(page, 7)).toBeLessThanOrEqual(1);
      await page.locator('#position').fill('8');
      expect(await page.locator('#digits').evaluate((canvas: HTMLCanvasElement) => canvas.width)).toBe(16);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
      await site.close();
    }
  });

  test('Vite: the development server serves it as well', async () => {
    const server = await createServer({
      root: app,
      logLevel: 'error',
      server: { port: 0, host: '127.0.0.1' },
    });
    await server.listen();
    const browser = await launchChromium();
    try {
      const { page } = await openPage(browser, server.resolvedUrls!.local[0]!);
      expect(await statusOf(page)).toMatch(/^16 digits, on wasm \(/);
    } finally {
      await browser.close();
      await server.close();
    }
  });

  test('a plain page: no build step, a button that draws anew', async () => {
    const site = await serveSite({
      folders: { '/': join(examples, 'html/'), '/node_modules/': join(app, 'node_modules/') },
      files: { '/generator.onnx': model },
    });
    const browser = await launchChromium();
    try {
      const { page, errors } = await openPage(browser, `${site.url}/`);
      expect(await statusOf(page)).toBe('Seed 0, on wasm');
      expect(await differenceFromNode(page, 0)).toBeLessThanOrEqual(1);
      await page.locator('#again').click();
      await page.waitForFunction(() => document.getElementById('status')!.innerText === 'Seed 1, on wasm');
      expect(await differenceFromNode(page, 1)).toBeLessThanOrEqual(1);
      expect(errors).toEqual([]);
    } finally {
      await browser.close();
      await site.close();
    }
  });
});

test('the Node example writes a PNG', async () => {
  await writeFile(join(app, 'generator.onnx'), model);
  const script = join(examples, 'node/draw.mjs');
  const { stdout, stderr } = await run(process.execPath, [script, 'generator.onnx', 'digits.png'], {
    cwd: app,
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'digits.png: 16 x 1 x 16 x 16, recipe dcgan\n', stderr: '' });
  const { width, height } = await sharp(await readFile(join(app, 'digits.png'))).metadata();
  expect([width, height]).toEqual([4 * 18 - 2, 4 * 18 - 2]);
});
