import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { presets } from '../../training/presets.ts';
import { resolveRecipe } from '../../training/recipe.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const sgd = { kind: 'sgd', learningRate: 0.01, momentum: 0 };

test('--set of another kind starts from the defaults of that kind', async () => {
  const { optimizer } = await resolveRecipe('dcgan', [
    'optimizer.discriminator.kind=sgd',
    'optimizer.discriminator.momentum=0.5',
  ]);
  expect(optimizer.discriminator).toEqual({ ...sgd, momentum: 0.5 });
  expect(optimizer.generator).toEqual(presets.dcgan!.optimizer.generator);
  for (const settings of [
    ['network.kind=mlp', 'network.hidden=32'],
    ['network={"kind":"mlp","hidden":32}'],
    ['network={"kind":"mlp"}', 'network={"hidden":32}'],
  ]) {
    const { network } = await resolveRecipe('dcgan', settings);
    expect(network).toEqual({ ...presets.mlp!.network, hidden: 32, zDim: 100 });
  }
  const { network } = await resolveRecipe('mlp', ['network.kind=imported']);
  expect(network).toEqual({ kind: 'imported', zDim: 100 });
});

test('--set of the same kind changes nothing', async () => {
  const settings = ['optimizer.generator.learningRate=0.001', 'optimizer.generator.kind=adam'];
  const { optimizer } = await resolveRecipe('dcgan', settings);
  expect(optimizer.generator.learningRate).toBe(0.001);
});

test('a recipe file may do the same', async () => {
  const path = join(temporaryFolder(), 'sgd.json');
  writeFileSync(path, '{ "extends": "dcgan", "optimizer": { "generator": { "kind": "sgd" } } }');
  expect((await resolveRecipe(path)).optimizer.generator).toEqual(sgd);
});

test('a recipe file may be that of a run, and may begin with a byte order mark', async () => {
  const path = join(temporaryFolder(), 'recipe.json');
  const recipe = { ...presets.mlp!, batch: 32 };
  const run = {
    ...{ format: 'ganx.run', formatVersion: 1, ganxVersion: '0.1.0', recipe, data: 'ring8' },
    ...{ dataName: 'ring8', dataSha256: '', samples: 1, sample: { kind: 'points', shape: [2], classes: 0 } },
    ...{ classes: [], size: 32, seed: 0, steps: 1, device: 'cpu', threads: 1 },
  };
  writeFileSync(path, JSON.stringify(run));
  expect(await resolveRecipe(path)).toEqual(recipe);
  writeFileSync(path, `\uFEFF${JSON.stringify(recipe)}`);
  expect(await resolveRecipe(path)).toEqual(recipe);
});

test.each([
  [
    '{ "batch": 32 }',
    'name is missing; for a file with only what differs from a preset, add "extends": "dcgan"',
  ],
  [
    '{ "extends": "./other.json" }',
    'extends is "./other.json", must be one of dcgan, acgan, vaegan, klgan, mlp, finetune',
  ],
  ['{ "extends": 3 }', 'extends is 3, must be one of dcgan, acgan, vaegan, klgan, mlp, finetune'],
  ['{ "format": "ganx.run" }', 'formatVersion: Invalid input: expected 1; was it written by another ganx?'],
])('a recipe file %s is refused', async (content, message) => {
  const path = join(temporaryFolder(), 'recipe.json');
  writeFileSync(path, content);
  await expect(resolveRecipe(path)).rejects.toThrow(new InputError(`${path}: ${message}`));
});

test('--set changes one element of a list', async () => {
  const { techniques } = await resolveRecipe('dcgan', ['techniques.softLabels.real.0=0.9']);
  expect(techniques.softLabels.real).toEqual([0.9, 1.2]);
});

test.each([
  ['techniques.softLabels.real.length=-1', 'techniques.softLabels.real.length is unknown'],
  ['a.real.length=-1', 'a.real.length is unknown; expected one of name, network'],
  ['optimizer.generator.kind=adamw', 'optimizer.generator.kind is "adamw": expected one of "adam"|"sgd"'],
  ['optimizer.generator.kind=3', 'optimizer.generator.kind is 3: expected one of "adam"|"sgd"'],
  ['network.kind=foo', 'network.kind is "foo": expected one of "dcgan"|"mlp"|"imported"'],
  ['network={"kind":"mlp","filters":3}', 'network.filters is unknown; expected one of network.kind'],
  [
    'optimizer.generator.learningRate=1e999',
    'optimizer.generator.learningRate is Infinity: expected a number > 0 that float32 can hold, at most 1',
  ],
  [
    'optimizer.generator.learningRate=1e-50',
    'optimizer.generator.learningRate is 1e-50: expected a number > 0 that float32 can hold, at most 1',
  ],
  [
    'optimizer.generator.epsilon=1e-50',
    'optimizer.generator.epsilon is 1e-50: expected a number > 0 that float32 can hold',
  ],
  ['accumulate=0', 'accumulate is 0: expected an integer from 1 to 16'],
  ['accumulate=1.5', 'accumulate is 1.5: expected an integer from 1 to 16'],
  ['accumulate=17', 'accumulate is 17: expected an integer from 1 to 16'],
  ['accumulate=two', 'accumulate is "two": expected an integer from 1 to 16'],
  ['emaDecay=1', 'emaDecay is 1: expected a number >= 0, below 1'],
  ['techniques.dropout.rate=-1', 'techniques.dropout.rate is -1: expected a number >= 0, below 1'],
  ['techniques.replay.probability=2', 'techniques.replay.probability is 2: expected a number from 0 to 1'],
  ['techniques.softLabels.real=[1]', 'techniques.softLabels.real is [1]: expected a list of two numbers'],
  ['name=../../x', 'name is "../../x": expected 1 to 64 letters, digits'],
  ['name=', 'name is "": expected 1 to 64 letters, digits'],
])('--set %s is refused', async (setting, message) => {
  await expect(resolveRecipe('dcgan', [setting])).rejects.toThrow(`--set: ${message}`);
});
