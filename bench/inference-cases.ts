import type { Recipe, SampleSpec } from '../graph-builder/recipe.ts';
import { presets } from '../training/presets.ts';
import { cases } from './cases.ts';
import type { Case } from './cases.ts';

const { dcgan } = presets as { readonly dcgan: Recipe };
const grey32: SampleSpec = { kind: 'images', shape: [1, 32, 32] };

/** The generator of the default recipe, with its dropout on, and those of the larger steps that are timed. */
export const inferenceCases: readonly Case[] = [
  { name: 'default-grey-dropout', recipe: dcgan, sample: grey32 },
  ...cases.filter(({ name }) => /^dcgan.*f64/.test(name)),
];
