import { InputError } from '../artifacts/errors.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import type { Dataset } from './data/dataset.ts';
import { unbounded } from './options.ts';
import type { TrainOptions } from './options.ts';
import type { RunConfig } from './run-config.ts';

const defaultSteps = 2000;

/** Steps of a run: as many as are asked for, else those of the run that is resumed, else what its recipe takes. */
export function lengthOf(
  options: TrainOptions,
  stored: RunConfig | undefined,
  { techniques: { rateDecay } }: Recipe,
  dataset: Dataset,
  samplesPerStep: number,
): number {
  if (options.steps !== undefined) return options.steps;
  if (options.epochs !== undefined) {
    const steps = Math.max(1, Math.round((options.epochs * dataset.count) / samplesPerStep));
    if (steps >= unbounded)
      throw new InputError(
        `--epochs: ${options.epochs} are more than the ${unbounded - 1} steps a run can have`,
      );
    return steps;
  }
  if (options.minutes !== undefined) return unbounded;
  if (stored?.steps === unbounded)
    throw new InputError(
      `${options.out!}: was started with --minutes and has no last step; say how long to go on with --steps, --epochs or --minutes`,
    );
  if (stored) return stored.steps;
  // Rates that decay make the end of a training what it is: it comes when they are at theirs.
  return rateDecay.decay === 'none' ? defaultSteps : rateDecay.steps;
}

/** What one should know of a run that does not end when its learning rates have decayed. */
export function lengthNotes(
  { recipe, steps }: Pick<RunConfig, 'recipe' | 'steps'>,
  fromStep: number,
): string[] {
  const { decay, steps: end } = recipe.techniques.rateDecay;
  if (decay === 'none' || steps === end) return [];
  if (steps > end)
    return decay === 'exponential'
      ? []
      : [`the learning rates are 0 from step ${end} on: nothing is learnt there`];
  // The recipe of a run that goes on is what it is.
  if (fromStep > 0) return [];
  return [
    `ends after ${steps} of the ${end} steps in which its learning rates decay; --set techniques.rateDecay.steps=${steps} lets them decay sooner`,
  ];
}
