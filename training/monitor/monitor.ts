import { z } from 'zod';
import { telemetryNames } from '../../graph-builder/program.ts';
import type { Telemetry } from '../../graph-builder/program.ts';
import type { Recipe } from '../../graph-builder/recipe.ts';
import { blockSteps, summarize } from './block.ts';
import type { Block } from './block.ts';
import { divergedTelemetry } from './divergence.ts';
import { verdictOf } from './rule.ts';
import type { Rule } from './rule.ts';
import { blockRules, gridRules } from './rules.ts';
import type { Grid } from './rules.ts';
import { ruleNames } from './verdict.ts';
import type { RuleName, Verdict } from './verdict.ts';

const number = z.number();
const telemetrySchema = z.record(z.enum(telemetryNames), number);

export const monitorStateSchema = z.strictObject({
  /** Telemetry of the steps since the last whole block. */
  rows: z.array(telemetrySchema),
  /** The blocks and grids that a rule may still look at, the newest last. */
  blocks: z.array(telemetrySchema.and(z.object({ step: number, dLossStd: number }))),
  grids: z.array(z.strictObject({ step: number, diversity: number })),
  /** Rules that have spoken, and after how many judgements without a finding they may again. */
  quiet: z.partialRecord(z.enum(ruleNames), z.number().int()),
});

/** All that the monitor remembers, as JSON: a checkpoint holds it, so that a resumed run comes to the same verdicts. */
export type MonitorState = z.infer<typeof monitorStateSchema>;

/**
 * Technique 10, track failures early: watches the telemetry of every step and the diversity of the sample grids, and
 * says what goes wrong, what it means and what to try. It only looks: training is the same without it.
 */
export class Monitor {
  readonly #recipe: Recipe;
  #rows: Telemetry[];
  #blocks: Block[];
  #grids: Grid[];
  readonly #quiet: Map<RuleName, number>;

  constructor(recipe: Recipe, state: MonitorState = { rows: [], blocks: [], grids: [], quiet: {} }) {
    this.#recipe = recipe;
    this.#rows = [...state.rows];
    this.#blocks = [...state.blocks];
    this.#grids = [...state.grids];
    this.#quiet = new Map(Object.entries(state.quiet) as [RuleName, number][]);
  }

  get state(): MonitorState {
    return {
      rows: this.#rows,
      blocks: this.#blocks,
      grids: this.#grids,
      quiet: Object.fromEntries(this.#quiet),
    };
  }

  /** Takes in the telemetry of one step, the next one each time. */
  observe(step: number, telemetry: Telemetry): Verdict[] {
    const diverged = divergedTelemetry(step, telemetry, this.#recipe);
    if (diverged) return [diverged];
    this.#rows.push(pick(telemetry));
    if (step % blockSteps !== 0) return [];
    const block = summarize(this.#rows, step);
    this.#rows = [];
    this.#blocks = remember(this.#blocks, block, blockRules);
    return this.#judge(step, blockRules, this.#blocks);
  }

  /** Takes in the diversity of one of the grids that are drawn at regular steps; one that it knows is no news. */
  observeGrid(step: number, diversity: number): Verdict[] {
    const known = this.#grids.at(-1)?.step === step;
    if (known || !Number.isFinite(diversity)) return [];
    this.#grids = remember(this.#grids, { step, diversity }, gridRules);
    return this.#judge(step, gridRules, this.#grids);
  }

  /** A rule that has spoken is quiet until its condition has been gone for a while. */
  #judge<Seen>(step: number, rules: readonly Rule<Seen>[], seen: readonly Seen[]): Verdict[] {
    return rules.flatMap((rule) => {
      if (seen.length < rule.needs) return [];
      const finding = rule.judge(seen.slice(-span(rule)), this.#recipe);
      const quiet = this.#quiet.get(rule.name) ?? 0;
      if (finding) this.#quiet.set(rule.name, rule.recovery);
      else if (quiet > 1) this.#quiet.set(rule.name, quiet - 1);
      else this.#quiet.delete(rule.name);
      return finding && quiet === 0 ? [verdictOf(rule, step, finding, this.#recipe)] : [];
    });
  }
}

/** What all programs measure; a technique may add to it. */
const pick = (telemetry: Telemetry) =>
  Object.fromEntries(telemetryNames.map((name) => [name, telemetry[name]])) as Telemetry;

const span = <Seen>({ needs, sees = needs }: Rule<Seen>): number => sees;

const remember = <Seen>(seen: readonly Seen[], next: Seen, rules: readonly Rule<Seen>[]): Seen[] =>
  [...seen, next].slice(-Math.max(...rules.map(span)));
