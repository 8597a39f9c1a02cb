import { expect, test } from 'vitest';
import { buildProgram } from '../../graph-builder/program.ts';
import { usefulThreads } from '../../training/threads.ts';
import { dcgan, images, mlp, points, recipeOf } from '../parity/recipes.ts';

test('small networks get one thread, others all of them', () => {
  const of = (...[network, sample]: [typeof mlp | typeof dcgan, typeof points]) =>
    usefulThreads(buildProgram(recipeOf(network), sample), 4);
  expect(of(mlp, points)).toBe(1);
  expect(of({ ...mlp, hidden: 512 }, points)).toBe(4);
  expect(of({ ...dcgan, filters: 32 }, images(1, 32))).toBe(4);
});
