import type { Target } from '../../graph-builder/ops/op.ts';
import type { Execution } from './execution.ts';

/** An execution and how long a step takes with it. */
export interface Measured extends Execution {
  /** Of a step. */
  readonly milliseconds: number;
}

/** What was measured, in order, and the best of it. */
export interface Tuning {
  readonly chosen: Execution;
  readonly measured: readonly Measured[];
}

/** What another execution must gain over the usual one, so that noise does not choose: a twentieth. */
const worthwhile = 0.95;

/** What there is to choose from. */
export interface Choices {
  readonly targets: readonly Target[];
  /** Most threads; 0 where they make no difference. */
  readonly threads: number;
}

/**
 * Finds the fastest execution by measuring some: first the usual one on every target, then the best target on ever
 * fewer threads, half as many each time, until that is slower. The usual and the best one are measured a second time,
 * so that a moment in which the machine was busy does not choose.
 *
 * @param usual what is kept unless another is a twentieth faster
 * @param measure milliseconds of a step; Infinity for an execution that does not work
 */
export async function search(
  usual: Execution,
  choices: Choices,
  measure: (execution: Execution) => Promise<number>,
): Promise<Tuning> {
  const measured: Measured[] = [];
  const time = async (execution: Execution): Promise<Measured> => {
    const known = measured.find(
      ({ target, threads }) => target === execution.target && threads === execution.threads,
    );
    if (known) return known;
    const result = { ...execution, milliseconds: await measure(execution) };
    measured.push(result);
    return result;
  };
  const first = await time(usual);
  let best = first;
  for (const target of choices.targets) {
    const other = await time({ ...usual, target });
    if (other.milliseconds < best.milliseconds) best = other;
  }
  let { threads } = choices;
  while (threads >= 1) {
    const other = await time({ target: best.target, threads });
    const isSlower = other.milliseconds > best.milliseconds && threads < best.threads;
    if (other.milliseconds < best.milliseconds) best = other;
    if (isSlower) break;
    threads = Math.floor(threads / 2);
  }
  if (best !== first) {
    best = await again(best, measure);
    const usually = await again(first, measure);
    if (!(best.milliseconds < usually.milliseconds * worthwhile)) best = usually;
  }
  const { target, threads: of } = best;
  return { chosen: { target, threads: of }, measured };
}

/** The shorter of two times, because noise only adds. */
async function again(one: Measured, measure: (execution: Execution) => Promise<number>): Promise<Measured> {
  const { target, threads, milliseconds } = one;
  return { ...one, milliseconds: Math.min(milliseconds, await measure({ target, threads })) };
}
