import type { Telemetry } from '../../graph-builder/program.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { blockSteps } from './block.ts';
import type { Block } from './block.ts';
import { anyOf, learningRate, text, verdictOf } from './rule.ts';
import type { Failure, Rule } from './rule.ts';
import type { Verdict } from './verdict.ts';

const divergence: Failure = {
  name: 'divergence',
  meaning: 'the weights are of no use from here on',
  advice: (recipe) =>
    anyOf(learningRate(recipe, 'discriminator', 0.5), learningRate(recipe, 'generator', 0.5)),
};

/** As one step shows it: a loss, a probability or a norm that is no finite number. */
export function divergedTelemetry(step: number, telemetry: Telemetry, recipe: Recipe): Verdict | undefined {
  // A technique may measure more than the names that all programs share.
  const lost = Object.entries(telemetry).filter(([, value]) => !Number.isFinite(value));
  return lost.length
    ? diverged(step, lost.map(([name, value]) => `${name} is ${value}`).join(', '), recipe)
    : undefined;
}

/** As a state shows it, which can be a step before its losses do: a weight or a moment that is no finite number. */
export function divergedState(
  step: number,
  state: ReadonlyMap<string, Tensor>,
  recipe: Recipe,
): Verdict | undefined {
  for (const [name, { dtype, data }] of state) {
    if (dtype !== 'float32') continue;
    const lost = (data as Float32Array).find((value) => !Number.isFinite(value));
    if (lost !== undefined) return diverged(step, `${name} holds ${lost}`, recipe);
  }
  return undefined;
}

const diverged = (step: number, what: string, recipe: Recipe): Verdict =>
  verdictOf(
    divergence,
    step,
    { figure: null, threshold: null, finding: `training diverged at step ${step}: ${what}` },
    recipe,
  );

/** A gradient norm from which nothing comes back: ten thousand times that of the alarm. */
const lostNorm = 1e6;

/** As a block shows it: gradients that are finite still and lead nowhere. */
export const explosion: Rule<Block> = {
  ...divergence,
  needs: 1,
  recovery: 1,
  judge: ([block]) => {
    const { step, dGradNorm, gGradNorm } = block!;
    const norm = Math.max(dGradNorm, gGradNorm);
    if (norm <= lostNorm) return undefined;
    const name = norm === dGradNorm ? 'dGradNorm' : 'gGradNorm';
    return {
      figure: norm,
      threshold: lostNorm,
      finding: `training diverged at step ${step}: ${name} is ${text(norm)}, median of ${blockSteps} steps (limit ${lostNorm})`,
    };
  },
};
