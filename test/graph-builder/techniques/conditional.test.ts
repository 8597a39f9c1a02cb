import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../../artifacts/onnx/encode.ts';
import { discriminatorGraph, encoderGraph, generatorGraph } from '../../../graph-builder/export.ts';
import { normals } from '../../../graph-builder/hash.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { compile } from '../../../graph-builder/rewrites/index.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';
import type { TechniqueOptions } from '../../../graph-builder/recipe.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { dcgan, images, mlp, recipeOf } from '../../parity/recipes.ts';
import { dataOf, parametersOf, stateOf, trainSteps } from './program-steps.ts';

const sample = { ...images(1, 16), classes: 3 };
const recipeWith = (techniques: Partial<TechniqueOptions>) =>
  recipeOf(dcgan, { techniques: { ...techniquesOff, ...techniques } });

async function run(bytes: Uint8Array, feeds: Record<string, ort.Tensor>) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const results = await session.run(feeds);
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, { dims, data }]) => [
      name,
      { dims: [...dims], data: data as Float32Array },
    ]),
  );
}

describe.each(['latent', 'channels'] as const)('12 labels by %s', (embedding) => {
  const recipe = recipeWith({ labels: { weight: 1, embedding, width: 4 } });
  const steps = 3;
  const labels = tensor(
    'int32',
    Array.from({ length: 4 * steps }, (_, i) => i % 3),
    [steps, 4],
  );

  test('the loss of D holds the cross-entropy of the classes of real samples: about log 3 at first', async () => {
    const on = await trainSteps(recipe, sample, 1, { labels });
    const off = await trainSteps(recipeWith({}), sample, 1);
    const [dLoss, gLoss] = [0, 1];
    expect(on.telemetry[0]![dLoss]! - off.telemetry[0]![dLoss]!).toBeCloseTo(Math.log(3), 0.8);
    expect(on.telemetry[0]![gLoss]! - off.telemetry[0]![gLoss]!).toBeCloseTo(Math.log(3), 0.8);
  });

  test('labels of the data teach D: other labels, other weights', async () => {
    const other = tensor('int32', new Int32Array(4 * steps), [steps, 4]);
    const a = await trainSteps(recipe, sample, steps, { labels });
    const b = await trainSteps(recipe, sample, steps, { labels: other });
    const head = parametersOf(a.program, 'discriminator').find((name) => name.includes('/class/weight'))!;
    expect(dataOf(a.state, head)).not.toEqual(dataOf(b.state, head));
  });

  test('the exported generator takes labels, and D tells classes', async () => {
    const program = buildProgram(recipe, sample);
    const state = stateOf(program);
    const z = new ort.Tensor('float32', normals(1, 0, 'z', 2 * 16), [2, 16]);
    const generator = encodeModel(compile(generatorGraph(program, state), 'portable'));
    const drawn = async (label: number) =>
      (await run(generator, { z, label: new ort.Tensor('int32', Int32Array.of(label, label), [2]) })).images!;
    expect((await drawn(0)).data).toEqual((await drawn(0)).data);
    expect((await drawn(0)).data).not.toEqual((await drawn(2)).data);
    const discriminator = encodeModel(compile(discriminatorGraph(program, state), 'portable'));
    const said = await run(discriminator, {
      images: new ort.Tensor('float32', (await drawn(0)).data, [2, 1, 16, 16]),
    });
    expect(said.logits!.dims).toEqual([2]);
    expect(said.class!.dims).toEqual([2, 3]);
  });
});

test('12 labels are refused where there are none, and maps where there are no images', () => {
  expect(() =>
    buildProgram(recipeWith({ labels: { weight: 1, embedding: 'latent', width: 4 } }), images(1, 16)),
  ).toThrow(
    'labels: the data has 0 classes, must have at least 2: put the images of each into a sub-folder of its own, or choose a recipe without labels',
  );
  expect(() =>
    buildProgram(
      recipeOf(mlp, {
        techniques: { ...techniquesOff, labels: { weight: 1, embedding: 'channels', width: 4 } },
      }),
      sample,
    ),
  ).toThrow('labels: embedding channels needs a dcgan network, not mlp');
});

describe('7 VAE/GAN', () => {
  const vae = { reconstruction: 1, prior: 1, layer: 1 };
  const start = recipeWith({ vae });
  const telemetryOf = async (options: typeof vae) => {
    const { program, telemetry, state } = await trainSteps(recipeWith({ vae: options }), sample, 1);
    return {
      program,
      state,
      figures: Object.fromEntries(program.telemetry.map((name, i) => [name, telemetry[0]![i]!])),
    };
  };

  test('the reconstruction teaches G and the encoder, never D', async () => {
    const a = await telemetryOf(vae);
    const b = await telemetryOf({ ...vae, reconstruction: 50 });
    const equal = (player: 'generator' | 'discriminator' | 'encoder') =>
      a.program[player]!.parameters.every(
        ({ name }) => String(dataOf(a.state, name)) === String(dataOf(b.state, name)),
      );
    expect(equal('discriminator')).toBe(true);
    expect(equal('generator')).toBe(false);
    // The encoder's own loss does not weigh the reconstruction against D's opinion.
    expect(equal('encoder')).toBe(true);
  });

  test('the prior teaches the encoder alone', async () => {
    const a = await telemetryOf(vae);
    const b = await telemetryOf({ ...vae, prior: 50 });
    for (const player of ['generator', 'discriminator'] as const)
      for (const { name } of a.program[player].parameters)
        expect(dataOf(a.state, name), name).toEqual(dataOf(b.state, name));
    const weight = a.program.encoder!.parameters[0]!.name;
    expect(dataOf(a.state, weight)).not.toEqual(dataOf(b.state, weight));
  });

  test('the prior is KL(N(m, s^2) || N(0, 1)) over the elements of the layer', async () => {
    const { program, figures } = await telemetryOf(vae);
    const state = stateOf(program);
    // With zero weights and a bias the posterior of every image is known.
    const bias = program.encoder!.parameters.find(({ name }) => name === 'encoder/posterior/bias')!;
    const [m, logVariance] = [0.5, -0.7];
    const known = new Map(state)
      .set('encoder/posterior/weight', {
        ...state.get('encoder/posterior/weight')!,
        data: new Float32Array(state.get('encoder/posterior/weight')!.data.length),
      })
      .set(
        bias.name,
        tensor(
          'float32',
          Array.from({ length: 32 }, (_, i) => (i < 16 ? m : logVariance)),
        ),
      );
    const { telemetry } = await trainSteps(start, sample, 1, { state: known });
    const kl = (16 * (m ** 2 + Math.exp(logVariance) - 1 - logVariance)) / 2;
    const elements = 8 * 4 * 4;
    expect(telemetry[0]![program.telemetry.indexOf('prior')]).toBeCloseTo(kl / elements, 5);
    expect(figures.reconstruction).toBeGreaterThan(0);
  });

  test('D is asked for reconstructions by the soft targets of fakes', async () => {
    const recipe = recipeWith({ vae, softLabels: { real: [0.9, 0.9], fake: [0.3, 0.3], swap: 0 } });
    const program = buildProgram(recipe, sample);
    const state = stateOf(program);
    // A D that says the same logit of everything: its losses follow from the targets alone.
    const logit = 1.5;
    const weight = state.get('discriminator/logit/weight')!;
    const constant = new Map(state)
      .set('discriminator/logit/weight', { ...weight, data: new Float32Array(weight.data.length) })
      .set('discriminator/logit/bias', tensor('float32', [logit]));
    const { telemetry } = await trainSteps(recipe, sample, 1, { state: constant });
    const crossEntropy = (target: number) => Math.log1p(Math.exp(logit)) - target * logit;
    expect(telemetry[0]![program.telemetry.indexOf('dLoss')]).toBeCloseTo(
      crossEntropy(0.9) + crossEntropy(0.3),
      5,
    );
  });

  test('exports an encoder whose means are latents of the generator', async () => {
    const program = buildProgram(start, sample);
    const bytes = encodeModel(compile(encoderGraph(program, stateOf(program)), 'portable'));
    const said = await run(bytes, {
      images: new ort.Tensor('float32', new Float32Array(3 * 256), [3, 1, 16, 16]),
    });
    expect(said.mean!.dims).toEqual([3, 16]);
    expect(said.logVariance!.dims).toEqual([3, 16]);
  });

  test('refuses networks and layers that do not fit', () => {
    expect(() => buildProgram(recipeOf(mlp, { techniques: { ...techniquesOff, vae } }), sample)).toThrow(
      'vae: needs a dcgan network with images, not mlp',
    );
    expect(() => buildProgram(recipeWith({ vae: { ...vae, layer: 5 } }), sample).stepGraph()).toThrow(
      "vae: layer 5 must be one of D's 2, counted from 0",
    );
    const labels = { weight: 1, embedding: 'latent', width: 4 } as const;
    expect(() => buildProgram(recipeWith({ vae, labels }), sample)).toThrow(
      'vae: cannot be combined with labels; set techniques.labels.weight or techniques.vae.reconstruction to 0',
    );
  });
});
