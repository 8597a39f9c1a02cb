import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../../artifacts/onnx/encode.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import type { Recipe } from '../../../graph-builder/recipe.ts';
import { compile } from '../../../graph-builder/rewrites/index.ts';
import { techniques, techniquesOff } from '../../../graph-builder/techniques/index.ts';
import type { Technique } from '../../../graph-builder/techniques/technique.ts';
import { presets } from '../../../training/presets.ts';
import { changeRecipe } from '../../../training/recipe.ts';
import { dcgan, images, recipeOf } from '../../parity/recipes.ts';

const sample = { ...images(1, 16), classes: 3 };
const plain = recipeOf(dcgan);

const models = (recipe: Recipe, known: readonly Technique[]) => {
  const program = buildProgram(recipe, sample, {}, known);
  const graphs = [program.stepGraph(), program.loopGraph()].map((graph) =>
    Buffer.from(encodeModel(compile(graph, 'portable'))).toString('base64'),
  );
  // What the host feeds is part of a technique too.
  return [...graphs, ...program.controls.map(({ name, at }) => `${name}: ${at(0)}, ${at(5)}`)];
};

/** For each technique a recipe that differs from the plain one in nothing else. */
const on: Readonly<Record<string, Partial<Recipe> | undefined>> = {
  augmentation: {
    techniques: {
      ...techniquesOff,
      augmentation: { color: 1, translation: 0.125, cutout: 0.5, mirror: 0.5 },
    },
  },
  'gradient-penalty': {
    techniques: { ...techniquesOff, gradientPenalty: { real: 1, fake: 0, between: 0, shrink: 1 } },
  },
  'separate-batches': { techniques: { ...techniquesOff, batches: 'mixed' } },
  normalization: { network: { ...dcgan, normalization: 'none' } },
  'leaky-relu': { network: { ...dcgan, slope: 0 } },
  'soft-labels': {
    techniques: { ...techniquesOff, softLabels: { real: [0.7, 1.2], fake: [0, 0.3], swap: 0 } },
  },
  vae: { techniques: { ...techniquesOff, vae: { reconstruction: 1, prior: 1, layer: 1 } } },
  'target-networks': { techniques: { ...techniquesOff, targetNetworks: { tau: 0.1, of: 'both' } } },
  snapshots: { techniques: { ...techniquesOff, snapshots: { count: 2, every: 5, steps: 1 } } },
  replay: { techniques: { ...techniquesOff, replay: { size: 8, probability: 0.5 } } },
  freezing: { techniques: { ...techniquesOff, freezing: { ...techniquesOff.freezing, cap: 3 } } },
  'historical-averaging': { techniques: { ...techniquesOff, historicalAveraging: 0.1 } },
  'minibatch-discrimination': {
    techniques: { ...techniquesOff, minibatchDiscrimination: { kernels: 4, dimensions: 3, group: 64 } },
  },
  'rate-decay': { techniques: { ...techniquesOff, rateDecay: { decay: 'linear', steps: 10 } } },
  'loss-threshold': {
    techniques: { ...techniquesOff, lossThreshold: { ...techniquesOff.lossThreshold, cap: 3 } },
  },
  'discriminator-steps': { techniques: { ...techniquesOff, discriminatorSteps: 2 } },
  labels: { techniques: { ...techniquesOff, labels: { weight: 1, embedding: 'latent', width: 4 } } },
  dropout: { techniques: { ...techniquesOff, dropout: { rate: 0.5, layers: 1 } } },
  'instance-noise': {
    techniques: { ...techniquesOff, instanceNoise: { std: 0.1, decay: 'linear', steps: 9 } },
  },
  'layer-noise': { techniques: { ...techniquesOff, layerNoise: { std: 0.1, decay: 'linear', steps: 9 } } },
};

// 1 has no off state: [-1, 1] is the contract of the exported generator. Nor is there a program without any loss, latents
// or optimiser: off, these are others, which their own tests look at.
const always = ['normalized-inputs', 'modified-loss', 'spherical-z', 'adam'];
const switchable = techniques.filter(({ name }) => !always.includes(name));

describe.each(switchable.map((technique) => [technique.name, technique] as const))(
  '%s',
  (name, technique) => {
    const others = techniques.filter((other) => other !== technique);

    test('off, the graphs are byte for byte those of a program that never heard of it', () => {
      expect(models(plain, techniques)).toEqual(models(plain, others));
    });

    test('on, they are others', () => {
      // LeakyReLU and norms work inside the networks, so leaving the technique out changes nothing.
      expect(models({ ...plain, ...on[name] }, techniques)).not.toEqual(models(plain, techniques));
    });
  },
);

test.each(techniques)('$name: its settings that switch it off exist in every preset', ({ off }) => {
  const settings = Object.entries(off).map(([path, value]) => `${path}=${JSON.stringify(value)}`);
  for (const preset of Object.values(presets)) expect(() => changeRecipe(preset, settings)).not.toThrow();
});

test('every technique has a number of the fourteen, and a name of its own', () => {
  expect(new Set(techniques.map(({ name }) => name)).size).toBe(techniques.length);
  const numbers = new Set(techniques.map(({ number }) => number));
  // 10 watches the run from outside (training/monitor).
  expect([...numbers].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]);
});

describe('a penalty on a share of the batch', () => {
  const penalty = (shrink: number, more: Partial<Recipe['techniques']> = {}) => ({
    ...techniquesOff,
    ...more,
    gradientPenalty: { real: 1, fake: 1, between: 0, shrink },
  });
  const without = { ...dcgan, normalization: 'none' } as const;
  const compared = { minibatchDiscrimination: { kernels: 4, dimensions: 3, group: 64 } };

  test('is one on the whole where D mixes its samples', () => {
    const batchNorm = [1, 4].map((shrink) => models({ ...plain, techniques: penalty(shrink) }, techniques));
    expect(batchNorm[1]).toEqual(batchNorm[0]);
    const comparing = [1, 4].map((shrink) =>
      models({ ...plain, network: without, techniques: penalty(shrink, compared) }, techniques),
    );
    expect(comparing[1]).toEqual(comparing[0]);
  });

  test('is another where D looks at each by itself', () => {
    const [whole, share] = [1, 4].map((shrink) =>
      models({ ...plain, network: without, techniques: penalty(shrink) }, techniques),
    );
    expect(share).not.toEqual(whole);
  });
});

test('a penalty between real and fake is refused where D mixes its samples', () => {
  const between = {
    ...techniquesOff,
    gradientPenalty: { ...techniquesOff.gradientPenalty, between: 10 },
  };
  const comparing = { kernels: 4, dimensions: 3, group: 64 };
  const without = { ...dcgan, normalization: 'none' } as const;
  const refused = [
    { ...plain, techniques: between },
    { ...plain, network: without, techniques: { ...between, minibatchDiscrimination: comparing } },
  ];
  for (const recipe of refused)
    expect(() => buildProgram(recipe, sample).stepGraph()).toThrow(
      'gradient-penalty: between: needs a discriminator that judges each sample by itself, which is not known of an imported one; in one of ganx set network.normalization to none or instance and techniques.minibatchDiscrimination.kernels to 0',
    );
});
