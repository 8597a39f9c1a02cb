import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { normals } from '../../graph-builder/hash.ts';
import { tanh } from '../../graph-builder/ops/activation.ts';
import { mul } from '../../graph-builder/ops/elementwise.ts';
import { matmul } from '../../graph-builder/ops/matmul.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import { Generator } from '../../inference/node.ts';
import { gather } from '../../training/data/batch.ts';
import { openDataset } from '../../training/data/dataset.ts';
import { EpochSampler } from '../../training/data/sampler.ts';
import { python, pythonLacks } from '../artifacts/python.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { dropoutRecipe, generatorModel, grey, points, pointsRecipe } from '../inference/generators.ts';
import { ganx, refusal } from '../ganx.ts';

/** A network from [N, 1, size, size] to [N, ...extents]. */
function features(size: number, scale = 1, extents = [3, 2, 2]): Uint8Array {
  const width = sizeOf(extents);
  const graph = new Graph('features');
  const images = graph.input('images', 'float32', ['N', 1, size, size]);
  const weights = graph.constant(
    tensor('float32', normals(1, 0, 'w', size * size * width), [size * size, width]),
  );
  const mixed = matmul(reshape(images, ['N', size * size]), weights);
  graph.output('features', reshape(mul(tanh(mixed), scale), ['N', ...extents]));
  return encodeModel(compile(graph, 'portable'));
}

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, 'images.onnx'), generatorModel(dropoutRecipe, grey));
  writeFileSync(join(folder, 'points.onnx'), generatorModel(pointsRecipe, points));
  writeFileSync(join(folder, 'features.onnx'), features(16));
});

/** Both distances as NumPy computes them, of features that Python's onnxruntime computes. */
const oracle = `
import json, numpy as np, onnxruntime
model = onnxruntime.InferenceSession('features.onnx')
f, r = (model.run(None, {'images': np.fromfile(name, np.float32).reshape(-1, 1, 16, 16)})[0] for name in ('fake', 'real'))
f, r = (x.reshape(len(x), -1).astype(np.float64) for x in (f, r))
c, d = np.cov(f.T), np.cov(r.T)
frechet = ((f.mean(0) - r.mean(0)) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * np.sqrt(np.linalg.eigvals(c @ d).real.clip(0)).sum()
def kid(x, y):
    k = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
    n = len(x)
    within = sum(k(a, a).sum() - np.trace(k(a, a)) for a in (x, y)) / (n * (n - 1))
    return within - 2 * k(x, y).mean()
kids = [kid(f[i:i + 1000], r[i:i + 1000]) for i in range(0, len(f) - 999, 1000)] if len(f) > 1000 else [kid(f, r)]
print(json.dumps([frechet, np.mean(kids), np.std(kids, ddof=1) / len(kids) ** 0.5 if len(kids) > 1 else None]))
`;

describe('ganx score', () => {
  const lacking = pythonLacks('numpy', 'onnxruntime');
  test.skipIf(lacking).each([
    ['a few samples', 150],
    ['several subsets', 2100],
  ])(`is NumPy's distance of features, %s${lacking ? ` (skipped: ${lacking})` : ''}`, async (_, n) => {
    const { code, stdout, stderr } = await ganx(
      [
        'score',
        'images.onnx',
        'digits',
        '--features',
        'features.onnx',
        '-n',
        String(n),
        '--seed',
        '3',
        '--json',
      ],
      folder,
    );
    expect([code, stderr]).toEqual([0, '']);
    const { scores, ...rest } = JSON.parse(stdout) as { scores: Record<string, number | null> };
    expect(rest).toEqual({ samples: n, data: 'digits', reference: n, seed: 3, recipe: 'dcgan', steps: 0 });

    const generator = await Generator.load(join(folder, 'images.onnx'));
    const { data: fake } = await generator.sample(n, { seed: 3 });
    await generator.dispose();
    const dataset = await openDataset('digits', { size: 16, channels: 1 });
    const chosen = gather(dataset, new EpochSampler(dataset.count, 0).indices(0, n));
    const real = Float32Array.from(chosen, (byte) => byte / 127.5 - 1);
    const bytes = (values: Float32Array) =>
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const found = python(oracle, { fake: bytes(fake), real: bytes(real), 'features.onnx': features(16) });
    const [frechet, kernel, error] = JSON.parse(found) as [number, number, number | null];
    expect(scores.frechetDistance! / frechet).toBeCloseTo(1, 4);
    expect(scores.kernelDistance! / kernel).toBeCloseTo(1, 4);
    if (error === null) expect(scores.kernelError).toBeNull();
    else expect(scores.kernelError! / error).toBeCloseTo(1, 3);
  });

  test('judges points by the modes they hit', async () => {
    const { stdout } = await ganx(['score', 'points.onnx', 'ring8', '-n', '500'], folder);
    expect(stdout).toMatch(
      /^500 samples of points.onnx, step 0, beside 100000 of ring8: modes [\d.]+, highQuality [\d.]+ %/,
    );
  });

  test.each([
    [['images.onnx', 'ring8'], 'ring8: has points [2], the generator draws images [1, 16, 16]'],
    [
      ['images.onnx', 'digits'],
      "--features: there is no judge of digits [1, 16, 16], only of digits [1, 32, 32], ring8 and grid25; give an ONNX network such as Inception's (docs/scores.md)",
    ],
    [
      ['points.onnx', 'ring8', '--features', 'features.onnx'],
      '--features: ring8 has points, which are compared as they are; leave it out',
    ],
    [
      ['images.onnx', 'digits', '--features', 'other.onnx'],
      'other.onnx: its input images is float32 [N, 1, 8, 8], expected float32 [N, 1, 16, 16] with an open N, images in [-1, 1], to float32 [N, ...]',
    ],
    [
      ['images.onnx', 'digits', '--features', 'infinite.onnx', '-n', '40'],
      'infinite.onnx: output features is not finite for one of images 0 to 31',
    ],
    [
      ['images.onnx', 'digits', '--features', 'wide.onnx', '-n', '40'],
      'wide.onnx: output features is [32, 65, 8, 8], 4160 features an image, must be at most 4096; pool them in the model, by their mean over height and width for one',
    ],
    [['images.onnx', 'digits', '-n', '1'], '-n: "1" must be an integer from 2 to 65536'],
  ])('refuses %j', async (args, message) => {
    writeFileSync(join(folder, 'other.onnx'), features(8));
    writeFileSync(join(folder, 'infinite.onnx'), features(16, 3e38 * 2));
    writeFileSync(join(folder, 'wide.onnx'), features(16, 1, [65, 8, 8]));
    expect(await ganx(['score', ...args], folder)).toEqual(refusal(message));
  });

  const withoutOnnx = pythonLacks('onnx');
  test.skipIf(withoutOnnx)(
    `reads weights from a file beside the network, as inspect --placement does${withoutOnnx ? ` (skipped: ${withoutOnnx})` : ''}`,
    async () => {
      const both = python(
        `
import base64, json, onnx
onnx.save(onnx.load('features.onnx'), 'outside.onnx', save_as_external_data=True, location='outside.data', size_threshold=1000)
print(json.dumps([base64.b64encode(open(f'outside.{end}', 'rb').read()).decode() for end in ('onnx', 'data')]))
`,
        { 'features.onnx': features(16) },
      );
      const [model, data] = (JSON.parse(both) as [string, string]).map((text) => Buffer.from(text, 'base64'));
      mkdirSync(join(folder, 'deep'));
      writeFileSync(join(folder, 'deep/outside.onnx'), model!);
      writeFileSync(join(folder, 'deep/outside.data'), data!);
      const score = (file: string) =>
        ganx(['score', 'images.onnx', 'digits', '--features', file, '-n', '40'], folder);
      const [inside, outside] = [await score('features.onnx'), await score('deep/outside.onnx')];
      expect(inside.code).toBe(0);
      expect(outside).toEqual(inside);
      const placed = await ganx(['inspect', 'deep/outside.onnx', '--placement'], folder);
      expect(placed).toMatchObject({ code: 0, stdout: expect.stringMatching(/cpu +\d+ nodes/) as string });
      rmSync(join(folder, 'deep/outside.data'));
      expect(await ganx(['inspect', 'deep/outside.onnx', '--placement'], folder)).toEqual(
        refusal(
          'deep/outside.onnx: its weights are in deep/outside.data, which cannot be read; keep the two files together',
        ),
      );
    },
  );

  test('says how many data there were, what was left out, and where features are too many', async () => {
    mkdirSync(join(folder, 'data'));
    const grey16 = (value: number) =>
      sharp(Buffer.alloc(256, value), { raw: { width: 16, height: 16, channels: 1 } })
        .png()
        .toBuffer();
    for (let i = 0; i < 5; i++) writeFileSync(join(folder, `data/${i}.png`), await grey16(40 * i));
    writeFileSync(join(folder, 'data/broken.png'), 'no image');
    const score = () =>
      ganx(['score', 'images.onnx', 'data', '--features', 'features.onnx', '-n', '30'], folder);
    const { code, stdout, stderr } = await score();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^30 samples of images.onnx, step 0, beside 5 of data: frechetDistance /);
    expect(stderr).toMatch(
      /^warning: data: 1 skipped, such as broken.png: .*\nwarning: 5 images for 12 features: .*\n$/,
    );
    for (let i = 1; i < 5; i++) rmSync(join(folder, `data/${i}.png`));
    expect(await score()).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/data: has a single sample/) as string,
    });
  });

  test('refuses a file that is no model', async () => {
    writeFileSync(join(folder, 'other.onnx'), 'no model');
    const { code, stderr } = await ganx(
      ['score', 'images.onnx', 'digits', '--features', 'other.onnx'],
      folder,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ganx: other.onnx: onnxruntime cannot load it: .*\n$/);
  });
});
