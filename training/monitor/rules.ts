import type { Recipe } from '../../graph-builder/recipe.ts';
import { diffAugment, isAugmenting } from '../../graph-builder/techniques/13-augmentation.ts';
import { blockSteps, mean, median } from './block.ts';
import type { Block } from './block.ts';
import { explosion } from './divergence.ts';
import { lossRange } from './loss-range.ts';
import { anyOf, last, learningRate, setting, text } from './rule.ts';
import type { Rule } from './rule.ts';

/** How diverse the samples of one grid were; see `diversity.ts`. */
export interface Grid {
  readonly step: number;
  readonly diversity: number;
}

/** 200 steps without a finding: one quiet block is luck. */
const recovery = 4;

/**
 * Technique 10. A D whose loss is at its floor has stopped teaching. The share of the way from the floor to a blind D
 * at which to speak: 0.04 nats with hard labels, the usual alarm for an averaged D loss. The healthy default run comes
 * down to 0.18, and to 0.12 without swapped labels and replay.
 */
const wonShare = 0.03;
const wonBlocks = 4;

const discriminatorWon: Rule<Block> = {
  name: 'discriminator-won',
  needs: wonBlocks,
  recovery,
  judge: (blocks, recipe) => {
    const range = lossRange(recipe);
    if (!range) return undefined;
    const loss = mean(blocks.map(({ dLoss }) => dLoss));
    const share = (loss - range.perfect) / (range.blind - range.perfect);
    if (share >= wonShare) return undefined;
    return {
      figure: share,
      threshold: wonShare,
      finding: `D's loss has reached its floor at step ${last(blocks).step}: ${text(loss)} over ${wonBlocks * blockSteps} steps, where a perfect D has ${text(range.perfect)} and a guessing one ${text(range.blind)}; that is ${text(100 * share)} % of the way (limit ${100 * wonShare} %)`,
    };
  },
  meaning: 'D tells every real sample from every fake, so G no longer learns in which direction to go',
  advice: (recipe) => {
    const { softLabels, instanceNoise } = recipe.techniques;
    const hard = softLabels.real[0] === 1 && softLabels.real[1] === 1;
    // The log-ratio that G follows there is only that of hard labels.
    const free = recipe.loss !== 'kl';
    return anyOf(
      free && hard ? setting('techniques.softLabels.real', '[0.7,1.2]') : '',
      free && softLabels.swap === 0 ? setting('techniques.softLabels.swap', 0.05) : '',
      setting('techniques.instanceNoise.std', Math.max(0.1, 2 * instanceNoise.std)),
      learningRate(recipe, 'discriminator', 0.5),
      isAugmentable(recipe) ? augmented : '',
    );
  },
};

/** Of few images a D comes to know each one. */
const isAugmentable = ({ network, techniques: { augmentation, vae } }: Recipe) =>
  network.kind === 'dcgan' && vae.reconstruction === 0 && !isAugmenting(augmentation);
const augmented = Object.entries(diffAugment)
  .filter(([, amount]) => amount !== 0)
  .map(([name, amount]) => setting(`techniques.augmentation.${name}`, amount as number))
  .join(' ');

/** Whether a network has no normalisation and could have one: fully connected, D never has. */
const isNormalizable = ({ network }: Recipe, of: 'discriminator' | 'generator') =>
  network.kind !== 'imported' &&
  network.normalization === 'none' &&
  (network.kind === 'dcgan' || of === 'generator');

/** Batch norm, unless a penalty between real and fake refuses it in D. */
const fittingNorm = ({ network, techniques }: Recipe) =>
  network.kind === 'dcgan' && techniques.gradientPenalty.between > 0 ? 'instance' : 'batch';

/** From ganhacks: "if norms of gradients are over 100, things are screwing up". Healthy digits stay at 30 and below. */
const gradientLimit = 100;

const gradients = (network: 'discriminator' | 'generator'): Rule<Block> => {
  const letter = network === 'discriminator' ? 'D' : 'G';
  return {
    name: `${network}-gradients`,
    needs: 1,
    recovery,
    judge: ([block]) => {
      const norm = block![network === 'discriminator' ? 'dGradNorm' : 'gGradNorm'];
      if (norm <= gradientLimit) return undefined;
      return {
        figure: norm,
        threshold: gradientLimit,
        finding: `the gradient of ${letter} is too large at step ${block!.step}: norm ${text(norm)}, median of ${blockSteps} steps (limit ${gradientLimit})`,
      };
    },
    meaning: `${letter}'s updates follow a few steep places instead of the data; training often diverges next`,
    advice: (recipe) =>
      anyOf(
        learningRate(recipe, network, 0.5),
        isNormalizable(recipe, network) ? setting('network.normalization', fittingNorm(recipe)) : '',
        setting('techniques.instanceNoise.std', Math.max(0.1, 2 * recipe.techniques.instanceNoise.std)),
      ),
  };
};

/** From ganhacks: D's loss should have low variance. Judged by the median of four blocks against the ten before. */
const [swingBlocks, calmBlocks] = [4, 10];
/**
 * Times the deviation before that is too much, but at least 0.3 and at most 1, whatever was before. Healthy digits, whose
 * D stumbles over a batch every few hundred steps, come to 1.7 times and to 0.15. Wasserstein's loss is a distance in
 * units of the data, as large as these make it: there only what was before tells.
 */
const [swingFactor, swingLeast, swingMost] = [5, 0.3, 1];

const unstableDiscriminator: Rule<Block> = {
  name: 'unstable-discriminator',
  needs: calmBlocks + swingBlocks,
  recovery,
  judge: (blocks, { loss }) => {
    const most = loss === 'wasserstein' ? Infinity : swingMost;
    const deviations = blocks.map(({ dLossStd }) => dLossStd);
    const before = median(deviations.slice(0, calmBlocks));
    const now = median(deviations.slice(calmBlocks));
    const limit = Math.min(Math.max(swingFactor * before, swingLeast), most);
    if (now <= limit) return undefined;
    return {
      figure: now,
      threshold: limit,
      finding: `D's loss swings at step ${last(blocks).step}: standard deviation ${text(now)} over ${swingBlocks * blockSteps} steps, ${text(before)} before (limit ${text(limit)})`,
    };
  },
  meaning: 'D and G chase each other instead of coming closer; samples get better and worse by turns',
  advice: (recipe) =>
    anyOf(
      learningRate(recipe, 'discriminator', 0.5),
      learningRate(recipe, 'generator', 0.5),
      `--batch ${2 * recipe.batch}`,
    ),
};

/** Blocks over which G's loss has to fall: 500 steps. */
const fallBlocks = 10;
/** Correlation of G's loss with time at which a fall is steady; noise around a level is near 0. */
const fallCorrelation = -0.8;
/** Nats by which it has to fall: ten times the noise of a block's mean. */
const fallLeast = 0.2;
/** How much surer than a guessing D is of fakes being real when it is fooled. A perfect G does not get D beyond guessing. */
const fooledMargin = 0.1;

const fooledDiscriminator: Rule<Block> = {
  name: 'fooled-discriminator',
  needs: fallBlocks,
  recovery,
  judge: (blocks, recipe) => {
    const range = lossRange(recipe);
    if (!range) return undefined;
    const losses = blocks.map(({ gLoss }) => gLoss);
    const [from, to] = [losses[0]!, last(losses)];
    const believed = mean(blocks.slice(-wonBlocks).map(({ dFake }) => dFake));
    const limit = Math.min(range.blindProbability + fooledMargin, 0.99);
    const falls = from - to >= fallLeast && correlationWithTime(losses) <= fallCorrelation;
    if (!falls || believed <= limit) return undefined;
    return {
      figure: believed,
      threshold: limit,
      finding: `G's loss has fallen steadily from ${text(from)} to ${text(to)} in the ${fallBlocks * blockSteps} steps up to step ${last(blocks).step}, and D takes fakes for real with probability ${text(believed)} (limit ${text(limit)})`,
    };
  },
  meaning:
    'G wins with whatever D cannot judge yet, which is garbage more often than not: look at the samples',
  advice: (recipe) => anyOf(learningRate(recipe, 'discriminator', 2), learningRate(recipe, 'generator', 0.5)),
};

export const blockRules: readonly Rule<Block>[] = [
  explosion,
  discriminatorWon,
  gradients('discriminator'),
  gradients('generator'),
  unstableDiscriminator,
  fooledDiscriminator,
];

/** Below a quarter of the data's diversity a grid shows one sample, or a few, again and again. */
const collapsed = 0.25;
/** Or below half of the best of the grids before: what was there is being lost. */
const lostShare = 0.5;
/** Until then an untrained G, whose samples are all alike, has to have found some variety. */
const firstSteps = 500;

const modeCollapse: Rule<Grid> = {
  name: 'mode-collapse',
  needs: 2,
  sees: 10,
  recovery: 2,
  judge: (grids) => {
    const now = grids.slice(-2);
    const best = Math.max(...grids.map(({ diversity }) => diversity));
    const limit = Math.max(collapsed, lostShare * Math.min(best, 1));
    const { step, diversity } = last(grids);
    if (step < firstSteps || now.some((grid) => grid.diversity >= limit)) return undefined;
    return {
      figure: diversity,
      threshold: limit,
      finding: `samples have collapsed at step ${step}: ${text(diversity)} of the diversity of the data (limit ${text(limit)})`,
    };
  },
  meaning: 'G answers different latents with nearly the same sample, or with a few',
  advice: (recipe) =>
    anyOf(
      learningRate(recipe, 'generator', 0.5),
      setting('techniques.instanceNoise.std', Math.max(0.1, 2 * recipe.techniques.instanceNoise.std)),
      `--batch ${2 * recipe.batch}`,
    ),
};

export const gridRules: readonly Rule<Grid>[] = [modeCollapse];

/** Pearson's correlation of values with their index. */
function correlationWithTime(values: readonly number[]): number {
  const [centre, middle] = [mean(values), (values.length - 1) / 2];
  const sum = (term: (value: number, time: number) => number) =>
    values.reduce((total, value, i) => total + term(value - centre, i - middle), 0);
  const spread = Math.sqrt(sum((value) => value * value) * sum((_, time) => time * time));
  return spread > 0 ? sum((value, time) => value * time) / spread : 0;
}
