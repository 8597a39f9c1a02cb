import { GraphError } from '../../graph-builder/errors.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { diffAugment } from '../../graph-builder/techniques/13-augmentation.ts';
import { techniques, techniquesOff } from '../../graph-builder/techniques/index.ts';
import type { Recipe, SampleSpec } from '../../graph-builder/recipe.ts';
import { changeRecipe } from '../../training/recipe.ts';

/** One row of an ablation: a name and the recipe that is trained for it. */
export interface Cell {
  readonly name: string;
  /** Techniques that are on. */
  readonly on: readonly string[];
  readonly recipe: Recipe;
}

type Settings = Readonly<Record<string, unknown>>;

/** A technique as an ablation switches it: settings for on and off. */
export interface Switch {
  readonly name: string;
  readonly on: Settings;
  readonly off: Settings;
}

/**
 * Settings with which techniques are tried that the recommended recipe leaves off; of the others its own are taken.
 * They are the papers' or the usual ones where the papers give none.
 */
const usual: Readonly<Record<string, Settings>> = {
  'target-networks': { 'techniques.targetNetworks': { tau: 0.01, of: 'both' } },
  snapshots: { 'techniques.snapshots': { count: 5, every: 200, steps: 20 } },
  replay: { 'techniques.replay': { size: 4096, probability: 0.25 } },
  freezing: { 'techniques.freezing.cap': 10 },
  'historical-averaging': { 'techniques.historicalAveraging': 0.01 },
  'minibatch-discrimination': {
    'techniques.minibatchDiscrimination': { kernels: 8, dimensions: 3, group: 64 },
  },
  // A generator's loss that holds back under the saturating loss, which is below 0, and never under the other.
  'loss-threshold': { 'techniques.lossThreshold.cap': 10, 'techniques.lossThreshold.generator': -1 },
  'discriminator-steps': { 'techniques.discriminatorSteps': 2 },
  'soft-labels': { 'techniques.softLabels': { real: [0.7, 1.2], fake: [0, 0.3], swap: 0.05 } },
  augmentation: { 'techniques.augmentation': diffAugment },
  'instance-noise': { 'techniques.instanceNoise.std': 0.1 },
  'layer-noise': { 'techniques.layerNoise.std': 0.05 },
  dropout: { 'techniques.dropout': { rate: 0.5, layers: 1 } },
};

/**
 * The techniques that can be switched for this kind of data. Left out: 1, whose range is the contract of the generator;
 * the VAE/GAN, which trains other networks; labels, which ask for another kind of sample; and what cannot be on beside
 * the rest of the recipe.
 */
export function switchesOf(recommended: Recipe, sample: SampleSpec): Switch[] {
  return techniques.flatMap(({ name, off, hooks }) => {
    if (['normalized-inputs', 'vae', 'labels'].includes(name)) return [];
    const paths = Object.keys(off);
    const isOn = paths.some(
      (path) => JSON.stringify(settingAt(recommended, path)) !== JSON.stringify(off[path]),
    );
    const on = isOn && hooks(recommended, sample) ? pick(recommended, paths.map(wholeOption)) : usual[name];
    return on && isPossible(apply(recommended, [on]), sample) ? [{ name, on, off }] : [];
  });
}

/** A step is built: some settings contradict each other only there. */
function isPossible(recipe: Recipe, sample: SampleSpec): boolean {
  try {
    buildProgram(recipe, sample).stepGraph();
    return true;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    return false;
  }
}

/** What decays within a training: one that ends before would be judged before it has come to its point. */
const schedules = ['rateDecay', 'instanceNoise', 'layerNoise'] as const;

/** The recipe with schedules that are over when a training ends, however short it is. */
export const asLongAs = (steps: number, recipe: Recipe): Recipe =>
  changeRecipe(
    recipe,
    schedules.map((name) => `techniques.${name}.steps=${steps}`),
  );

/**
 * The recommended recipe and that without each of its techniques; `plain`, its networks, loss and optimisers with all
 * options of techniques off; everything on, everything off, everything on but each one, each one alone.
 */
export function cellsOf(recommended: Recipe, sample: SampleSpec): Cell[] {
  const switches = switchesOf(recommended, sample);
  const cell = (name: string, isOn: (one: Switch) => boolean): Cell => ({
    name,
    on: switches.filter(isOn).map((one) => one.name),
    recipe: apply(
      recommended,
      switches.map((one) => (isOn(one) ? one.on : one.off)),
    ),
  });
  const own = onIn(recommended, switches);
  const plain = { ...recommended, techniques: techniquesOff };
  return [
    { name: 'recommended', on: own, recipe: recommended },
    { name: 'plain', on: onIn(plain, switches), recipe: plain },
    ...switches
      .filter(({ name }) => own.includes(name))
      .map(({ name, off }) => ({
        name: `without ${name}`,
        on: own.filter((other) => other !== name),
        recipe: apply(recommended, [off]),
      })),
    cell('everything on', () => true),
    cell('everything off', () => false),
    ...switches.map((one) => cell(`all but ${one.name}`, (other) => other !== one)),
    ...switches.map((one) => cell(`only ${one.name}`, (other) => other === one)),
  ];
}

const onIn = (recipe: Recipe, switches: readonly Switch[]) =>
  switches
    .filter(({ off }) =>
      Object.entries(off).some(
        ([path, value]) => JSON.stringify(settingAt(recipe, path)) !== JSON.stringify(value),
      ),
    )
    .map(({ name }) => name);

function apply(recipe: Recipe, settings: readonly Settings[]): Recipe {
  const assignments = settings.flatMap((one) =>
    Object.entries(one).map(([path, value]) => `${path}=${JSON.stringify(value)}`),
  );
  // A recipe without normalisation or with a network of another kind lacks some settings.
  return changeRecipe(recipe, assignments);
}

/** `techniques.replay.probability` -> `techniques.replay`: on means all of a technique's options. */
const wholeOption = (path: string) =>
  path.startsWith('techniques.') ? path.split('.').slice(0, 2).join('.') : path;

const pick = (recipe: Recipe, paths: readonly string[]): Settings =>
  Object.fromEntries(paths.map((path) => [path, settingAt(recipe, path)]));

function settingAt(recipe: Recipe, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], recipe);
}
