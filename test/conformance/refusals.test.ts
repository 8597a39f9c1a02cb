import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { relu } from '../../graph-builder/ops/activation.ts';
import { Generator } from '../../inference/node.ts';
import { chromiumLacks, launchChromium, openPage } from '../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../browser/site.ts';
import type { Site } from '../browser/site.ts';
import { drawing } from './models.ts';

// What a user gets wrong is told in one sentence, the same in Node and in a browser, and does no harm to later calls.

const foreign = (() => {
  const graph = new Graph('foreign');
  graph.output('y', relu(graph.input('x', 'float32', ['N', 3])));
  return encodeModel(graph);
})();

/** A generator with one byte changed: its frame is whole, and onnxruntime alone can tell. */
const changed = (() => {
  const bytes = Uint8Array.from(drawing);
  const at = Buffer.from(bytes).indexOf('ConvTranspose');
  bytes[at]! ^= 1;
  return bytes;
})();

const expected = 'expected the generator.onnx of a ganx run';

const files: readonly (readonly [string, Uint8Array, RegExp])[] = [
  [
    'nothing',
    new Uint8Array(),
    RegExp(`^generator: not an ONNX model \\(the file is empty\\); ${expected}$`),
  ],
  [
    'text',
    new TextEncoder().encode('hello world'),
    RegExp(`^generator: not an ONNX model \\(.+\\); ${expected}$`),
  ],
  [
    'a PNG',
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0),
    /^generator: not an ONNX model \(.+\); /,
  ],
  [
    'a generator cut short',
    drawing.subarray(0, drawing.length / 2),
    /^generator: not an ONNX model \(\d+ bytes, damaged or cut short: field of \d+ bytes at byte \d+, where \d+ are left\); /,
  ],
  [
    'a foreign model',
    foreign,
    RegExp(
      `^generator: not a ganx generator \\(found an ONNX model by ganx from x \\[N, 3\\] to y \\[N, 3\\]\\); ${expected}$`,
    ),
  ],
  ['a changed byte', changed, /^generator: onnxruntime refuses the model \(Invalid model\. .+\)$/],
];

/** Arguments of a call as plain data: `z` and `zeros` are numbers of zeros. */
const calls: readonly (readonly [string, readonly [string, ...unknown[]], string])[] = [
  ['n of 0', ['sample', 0], 'n 0 must be an integer from 1 to 65536'],
  ['negative n', ['sample', -3], 'n -3 must be an integer from 1 to 65536'],
  ['huge n', ['sample', 1e9], 'n 1000000000 must be an integer from 1 to 65536'],
  ['n that is text', ['sample', '4'], 'n "4" must be an integer from 1 to 65536'],
  ['options that are null', ['sample', 1, null], 'options null must be an object'],
  [
    'an option that is not there',
    ['sample', 1, { sed: 1 }],
    'options: sed is unknown; expected one of seed, label, z, truncation',
  ],
  ['a z that is none', ['sample', 1, { z: null }], 'z must be a Float32Array'],
  [
    'a class that is not there',
    ['sample', 1, { label: 'cow' }],
    'label: "cow" must be one of cat, dog, fox, or a number from 0 to 2',
  ],
  ['a truncation that is text', ['sample', 1, { truncation: '1' }], 'truncation "1" must be a number > 0'],
  [
    'another path',
    ['interpolate', 1, 2, 3, { path: 'spline' }],
    'path "spline" must be great-circle or line',
  ],
  [
    'an end that is text',
    ['interpolate', '1', 2, 3],
    'a "1" must be a seed, or a latent: a Float32Array of 12',
  ],
  [
    'a picture of nothing',
    ['toPng', null],
    'samples must be what sample() gives: data, a Float32Array, and shape, a list',
  ],
  ['a short z', ['sample', 2, { z: 7 }], 'z has 7 elements, must have n x zDim = 2 x 12'],
  ['a label that is no class', ['sample', 1, { label: 3 }], 'label 3 must be an integer from 0 to 2'],
  ['a broken label', ['sample', 1, { label: 0.5 }], 'label 0.5 must be an integer from 0 to 2'],
  [
    'a broken seed',
    ['sample', 1, { seed: 0.5 }],
    'seed 0.5 must be an integer from -2147483648 to 2147483647',
  ],
  ['a truncation of 0', ['sample', 1, { truncation: 0 }], 'truncation 0 must be a number > 0'],
  ['one frame', ['interpolate', 1, 2, 1], 'frames 1 must be an integer from 2 to 65536'],
  [
    'images without an encoder',
    ['reconstruct', { zeros: 256 }],
    'generator: has no encoder; load the folder of a run of the recipe vaegan, or give one',
  ],
];

interface Outcome {
  readonly name: string;
  readonly message: string;
}

interface Attempts {
  readonly files: readonly (readonly number[])[];
  readonly calls: readonly (readonly [string, ...unknown[]])[];
  readonly model: readonly number[];
}

interface Loader {
  load(source: Uint8Array): Promise<Generator>;
}

/** Tries everything and tells what came of it; knows nothing of its surroundings, as it runs in a page too. */
async function attempt(
  generators: Loader,
  { files, calls, model }: Attempts,
): Promise<{ outcomes: Outcome[]; before: number[]; after: number[] }> {
  const outcomes: Outcome[] = [];
  const take = async (task: () => Promise<unknown>) => {
    try {
      await task();
      outcomes.push({ name: 'nothing', message: '' });
    } catch (error) {
      outcomes.push({ name: (error as Error).name, message: (error as Error).message });
    }
  };
  /** Numbers of zeros become zeros. */
  const filled = (value: unknown): unknown => {
    const { zeros, z } = Object(value) as { zeros?: number; z?: number };
    if (zeros !== undefined) return new Float32Array(zeros);
    return typeof z === 'number' ? { z: new Float32Array(z) } : value;
  };
  for (const file of files) await take(() => generators.load(Uint8Array.from(file)));
  const generator = await generators.load(Uint8Array.from(model));
  const before = [...(await generator.sample(2, { seed: 5 })).data];
  for (const [method, ...args] of calls) {
    const real = args.map(filled);
    await take(() =>
      (generator as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[method]!(...real),
    );
  }
  const after = [...(await generator.sample(2, { seed: 5 })).data];
  await generator.dispose();
  return { outcomes, before, after };
}

const attempts: Attempts = {
  files: files.map(([, bytes]) => [...bytes]),
  calls: calls.map(([, call]) => call),
  model: [...drawing],
};

let site: Site;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (chromiumLacks) return;
  site = await serveSite({ folders: libraryFolders, files: { '/index.html': libraryPage } });
  browser = await launchChromium();
  ({ page } = await openPage(browser, `${site.url}/`));
});

afterAll(async () => {
  if (chromiumLacks) return;
  await browser.close();
  await site.close();
});

const runtimes = [
  { title: 'Node', lacks: undefined, run: () => attempt(Generator, attempts) },
  {
    title: `Chromium${chromiumLacks ? ` (skipped: ${chromiumLacks})` : ''}`,
    lacks: chromiumLacks,
    run: () =>
      page.evaluate<Awaited<ReturnType<typeof attempt>>>(
        `(async () => {
          const { Generator } = await import('ganx/inference');
          return (${attempt.toString()})({ load: (bytes) => Generator.load(bytes, { device: 'wasm' }) }, ${JSON.stringify(attempts)});
        })()`,
      ),
  },
];

describe.each(runtimes)('$title', ({ lacks, run }) => {
  test.skipIf(lacks !== undefined)('refuses what is wrong by name, and goes on as before', async () => {
    const { outcomes, before, after } = await run();
    [...files, ...calls].forEach(([what, , message], i) => {
      const outcome = outcomes[i]!;
      expect({ what, name: outcome.name }).toEqual({ what, name: 'InputError' });
      if (typeof message === 'string') expect(outcome.message).toBe(message);
      else expect(outcome.message).toMatch(message);
      expect(outcome.message).not.toContain('\n');
    });
    expect(after).toEqual(before);
  });
});

test.skipIf(chromiumLacks)('Chromium refuses a picture larger than a canvas', async () => {
  const outcomes = await page.evaluate<string[]>(
    `(async () => {
      const { Generator } = await import('ganx/inference');
      const generator = await Generator.load(Uint8Array.from(${JSON.stringify([...drawing])}), { device: 'wasm' });
      const samples = { data: new Float32Array(70_000), shape: [1, 1, 1, 70_000] };
      const told = async (task) => task().then(() => 'nothing', ({ name, message }) => name + ': ' + message);
      const canvas = document.createElement('canvas');
      const found = [
        await told(() => generator.toPng(samples)),
        await told(async () => generator.draw(canvas, samples)),
      ];
      await generator.dispose();
      return found;
    })()`,
  );
  const refusal = 'InputError: a picture of 70000 x 1 pixels must have at most 32767 a side for a canvas';
  expect(outcomes).toEqual([refusal, refusal]);
});
