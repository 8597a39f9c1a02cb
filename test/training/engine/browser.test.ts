import { describe, expect, test } from 'vitest';
import { initialize } from '../../../graph-builder/initializer.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { chunkSource } from '../../../training/chunks.ts';
import { createLocalEngine } from '../../../training/engine/local-engine.ts';
import { engineSpec } from '../../../training/models.ts';
import { noiseDataset } from '../../../training/profiling/noise-dataset.ts';
import { chromiumLacks, launchChromium, openPage } from '../../browser/chromium.ts';
import { libraryFolders, libraryPage, serveSite } from '../../browser/site.ts';
import { mlp, points, randomRecipe } from '../../parity/recipes.ts';

/* The engine is no less at home in a page: it takes any onnxruntime, and nothing that only Node has. */

const steps = 5;
const program = buildProgram(randomRecipe({ ...mlp, hidden: 16 }, { batch: 8 }), points);
const initial = () => new Map(program.state.map((spec) => [spec.name, initialize(spec, 7)]));
const chunkAt = chunkSource(program, noiseDataset(program), 3);
const chunks = Array.from({ length: steps }, (_, step) => chunkAt(step, 1));

/** Telemetry of each step, and the state after the last. */
interface Trained {
  readonly telemetry: number[][];
  readonly state: [name: string, values: number[]][];
}

/** Runs in the page. */
const training = `async ({ provider, spec, initial, chunks }) => {
  const ort = await import('onnxruntime-web/' + provider);
  const { createSessionEngine } = await import('/ganx/training/engine/session-engine.js');
  const fetched = async (file) => new Uint8Array(await (await fetch(file)).arrayBuffer());
  const plain = ({ dtype, shape, data }) =>
    ({ dtype, shape, data: dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data) });
  const { onDevice } = spec;
  const engine = await createSessionEngine(ort, {
    ...spec,
    trainingModel: await fetched('/training.onnx'),
    layouts: new Map(),
    samplerWeights: new Map(),
    ...(onDevice ? { onDevice: { ...onDevice, download: await fetched('/download.onnx') } } : {}),
  });
  await engine.restore(new Map(initial.map(([name, value]) => [name, plain(value)])));
  const telemetry = [];
  for (const { real, controls, ...chunk } of chunks)
    telemetry.push([...(await engine.run({ ...chunk, real: plain(real), controls: plain(controls) })).telemetry]);
  const state = [...await engine.state()].map(([name, { data }]) => [name, [...data]]);
  await engine.dispose();
  return { telemetry, state };
}`;

/** With plain arrays, to cross into the page. */
const asJson = (value: unknown) =>
  JSON.stringify(value, (_, each: unknown) =>
    ArrayBuffer.isView(each) ? [...(each as Float32Array)] : each,
  );

async function trainInPage(kind: 'cpu' | 'webgpu', provider: 'wasm' | 'webgpu'): Promise<Trained> {
  const { trainingModel, onDevice, driver, threads } = engineSpec(
    program,
    // Not laid out for the kernels of Node's CPU provider.
    { kind: 'webgpu', index: 0 },
    1,
  );
  const files: Record<string, string | Uint8Array> = {
    '/index.html': libraryPage,
    '/training.onnx': trainingModel,
    '/download.onnx': onDevice!.download,
  };
  const argument = asJson({
    provider,
    spec: {
      driver,
      threads,
      device: { kind, index: 0 },
      ...(kind === 'webgpu' ? { onDevice: { carried: onDevice!.carried } } : {}),
    },
    initial: [...initial()],
    chunks,
  });
  const site = await serveSite({ folders: libraryFolders, files });
  const browser = await launchChromium({ webgpu: provider === 'webgpu' });
  try {
    const { page } = await openPage(browser, `${site.url}/`);
    return await page.evaluate<Trained>(`(${training})(${argument})`);
  } finally {
    await browser.close();
    await site.close();
  }
}

async function trainInNode(): Promise<Trained> {
  const engine = await createLocalEngine(engineSpec(program, { kind: 'cpu', index: 0 }, 1));
  await engine.restore(initial());
  const telemetry: number[][] = [];
  for (const chunk of chunks) telemetry.push([...(await engine.run(chunk)).telemetry]);
  const state = [...(await engine.state())].map(([name, { data }]): [string, number[]] => [
    name,
    Array.from(data as Float32Array),
  ]);
  await engine.dispose();
  return { telemetry, state };
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length ? Math.max(...a.map((value, i) => Math.abs(value - b[i]!))) : Infinity;

describe.skipIf(chromiumLacks !== undefined).each([
  ['wasm, with the state on the host', 'cpu', 'wasm'],
  ['WebGPU, with the state on the device', 'webgpu', 'webgpu'],
] as const)(`Chromium, %s${chromiumLacks ? ` (skipped: ${chromiumLacks})` : ''}`, (_, kind, provider) => {
  test('trains as Node does on the CPU', async () => {
    const [page, node] = [await trainInPage(kind, provider), await trainInNode()];
    expect(page.telemetry).toHaveLength(steps);
    page.telemetry.forEach((row, step) => {
      expect(farthest(row, node.telemetry[step]!), `step ${step}`).toBeLessThan(1e-4);
    });
    expect(farthest(page.telemetry[0]!, page.telemetry.at(-1)!)).toBeGreaterThan(1e-3);
    const expected = new Map(node.state);
    expect(page.state.map(([name]) => name).sort()).toEqual([...expected.keys()].sort());
    for (const [name, values] of page.state)
      expect(farthest(values, expected.get(name)!), name).toBeLessThan(1e-4);
  }, 600_000);
});
