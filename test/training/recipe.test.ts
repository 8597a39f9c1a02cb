import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { presets } from '../../training/presets.ts';
import { resolveRecipe } from '../../training/recipe.ts';
import { temporaryFolder } from './fixtures.ts';

const sgd = { kind: 'sgd', learningRate: 0.01, momentum: 0 };

test('--set of another kind starts from the defaults of that kind', async () => {
  const { optimizer } = await resolveRecipe('dcgan', [
    'optimizer.discriminator.kind=sgd',
    'optimizer.discriminator.momentum=0.5',
  ]);
  expect(optimizer.discriminator).toEqual({ ...sgd, momentum: 0.5 });
  expect(optimizer.generator).toEqual(presets.dcgan!.optimizer.generator);
  const { network } = await resolveRecipe('dcgan', ['network.kind=mlp', 'network.hidden=32']);
  expect(network).toEqual({ ...presets.mlp!.network, hidden: 32, zDim: 100 });
});

test('--set of the same kind changes nothing', async () => {
  const settings = ['optimizer.generator.learningRate=0.001', 'optimizer.generator.kind=adam'];
  const { optimizer } = await resolveRecipe('dcgan', settings);
  expect(optimizer.generator.learningRate).toBe(0.001);
});

test('a recipe file may do the same', async () => {
  const path = join(await temporaryFolder(), 'sgd.json');
  writeFileSync(path, '{ "extends": "dcgan", "optimizer": { "generator": { "kind": "sgd" } } }');
  expect((await resolveRecipe(path)).optimizer.generator).toEqual(sgd);
});

test('--set changes one element of a list', async () => {
  const { techniques } = await resolveRecipe('dcgan', ['techniques.softLabels.real.0=0.9']);
  expect(techniques.softLabels.real).toEqual([0.9, 1.2]);
});

test.each([
  ['techniques.softLabels.real.length=-1', 'techniques.softLabels.real.length is unknown'],
  ['a.real.length=-1', 'a.real.length is unknown; expected one of name, network'],
  [
    'optimizer.generator.kind=adamw',
    "optimizer.generator.kind is \"adamw\": Invalid discriminator value. Expected 'adam' | 'sgd'",
  ],
  ['optimizer.generator.kind=3', 'optimizer.generator.kind is 3: Invalid discriminator value.'],
  [
    'optimizer.generator.learningRate=1e999',
    'optimizer.generator.learningRate is Infinity: expected a number > 0, at most 1',
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
