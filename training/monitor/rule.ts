import type { Recipe } from '../../graph-builder/recipe.ts';
import type { RuleName, Verdict } from './verdict.ts';

/** A condition that a rule sees. */
export type Finding = Pick<Verdict, 'figure' | 'threshold' | 'finding'>;

/** One way of failing: what it means and what helps. */
export interface Failure {
  readonly name: RuleName;
  readonly meaning: string;
  readonly advice: (recipe: Recipe) => string;
}

/** How a failure shows in what is seen of a run. */
export interface Rule<Seen> extends Failure {
  /** Observations that are needed before it judges. */
  readonly needs: number;
  /** Observations that it sees at most, the newest last; absent: as many as it needs. */
  readonly sees?: number;
  /** Judgements without a finding after which it speaks again. */
  readonly recovery: number;
  /** undefined where all is well. */
  readonly judge: (seen: readonly Seen[], recipe: Recipe) => Finding | undefined;
}

export const verdictOf = (
  { name, meaning, advice }: Failure,
  step: number,
  finding: Finding,
  recipe: Recipe,
): Verdict => ({ rule: name, step, ...finding, meaning, advice: advice(recipe) });

/** An option of `ganx train`. */
export const setting = (path: string, value: string | number): string => `--set ${path}=${value}`;

export const learningRate = (
  recipe: Recipe,
  network: 'generator' | 'discriminator',
  factor: number,
): string =>
  setting(
    `optimizer.${network}.learningRate`,
    Number(Math.min(factor * recipe.optimizer[network].learningRate, 1).toPrecision(3)),
  );

/** Options of which each may help. */
export const anyOf = (...options: readonly string[]): string => options.filter(Boolean).join(' or ');

export const last = <T>(values: readonly T[]): T => values.at(-1)!;

/** A figure for people. */
export const text = (value: number): string => String(Number(value.toPrecision(3)));
