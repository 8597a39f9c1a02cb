import { techniquesOff } from '../graph-builder/techniques/index.ts';
import type { DcganRecipe, MlpRecipe, Recipe, SampleSpec } from '../graph-builder/recipe.ts';

/** What is timed, as plain data: both sides get it as JSON. */
export interface Case {
  readonly name: string;
  readonly recipe: Recipe;
  readonly sample: SampleSpec;
}

const adam = { kind: 'adam', learningRate: 2e-4, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 } as const;

function caseOf(
  name: string,
  network: DcganRecipe | MlpRecipe,
  batch: number,
  [channels, size]: readonly [number, number],
): Case {
  const recipe: Recipe = {
    name,
    network,
    loss: 'non-saturating',
    optimizer: { generator: adam, discriminator: adam },
    emaDecay: 0,
    batch,
    accumulate: 1,
    precision: 'float32',
    techniques: techniquesOff,
  };
  return { name, recipe, sample: { kind: 'images', shape: [channels, size, size] } };
}

const mlp = (hidden: number): MlpRecipe => ({
  kind: 'mlp',
  zDim: 64,
  hidden,
  layers: 2,
  normalization: 'none',
  slope: 0.2,
});

const dcgan = (filters: number): DcganRecipe => ({
  kind: 'dcgan',
  zDim: 100,
  filters,
  upsampling: 'convTranspose',
  downsampling: 'stride',
  normalization: 'batch',
  slope: 0.2,
});

/** Named by network, filters or units, batch and channels. */
export const cases: readonly Case[] = [
  caseOf('mlp-h64-b32', mlp(64), 32, [1, 28]),
  caseOf('mlp-h890-b32', mlp(890), 32, [1, 28]),
  caseOf('dcgan32-f32-b32-grey', dcgan(32), 32, [1, 32]),
  caseOf('dcgan32-f64-b64-rgb', dcgan(64), 64, [3, 32]),
  caseOf('dcgan64-f64-b64-rgb', dcgan(64), 64, [3, 64]),
  caseOf('dcgan128-f32-b32-rgb', dcgan(32), 32, [3, 128]),
];

/** A case with each of the batches, by which it is called then; itself where there are none. */
export const withBatches = (each: Case, batches: readonly number[]): readonly Case[] =>
  batches.length === 0
    ? [each]
    : batches.map((batch) => ({
        ...each,
        name: each.name.replace(/-b\d+/, `-b${batch}`),
        recipe: { ...each.recipe, batch },
      }));

/** A case in a precision, by which it is called where that is not the usual one. */
export const withPrecision = (each: Case, precision: Recipe['precision'] = each.recipe.precision): Case => ({
  ...each,
  name: precision === 'float32' ? each.name : `${each.name}-${precision}`,
  recipe: { ...each.recipe, precision },
});

/** The cases that a part of a name stands for. */
export const casesIn = (all: readonly Case[], options: { readonly case: string }): readonly Case[] =>
  all.filter(({ name }) => name.includes(options.case));

/** @throws Error where it stands for none */
export function checkCase(all: readonly Case[], options: { readonly case: string }): void {
  if (casesIn(all, options).length) return;
  const names = [...new Set(all.map(({ name }) => name))];
  throw new Error(`--case: "${options.case}" is in no name; there are ${names.join(', ')}`);
}
