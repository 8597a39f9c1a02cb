import { cpus } from 'node:os';
import type { Contestant, Round } from './contestant.ts';

/** One round of each side, one after the other. */
export interface Turn {
  readonly results: readonly Round[];
  /** Cores that other processes used meanwhile, at most. */
  readonly foreignCores: number;
}

/**
 * All sides in turn: A B C, A B C, ... so that whatever else the machine does meets every one. The `count` quietest of
 * up to four times as many turns; no more than `count` on a quiet machine. Beside another busy process PyTorch's threads
 * wait for each other, which says nothing about either side.
 */
export async function quietTurns(contestants: readonly Contestant[], count: number): Promise<Turn[]> {
  const quiet = 0.1;
  const turns: Turn[] = [];
  const enough = () => turns.filter(({ foreignCores }) => foreignCores < quiet).length >= count;
  while (turns.length < 4 * count && !enough()) {
    const results: Round[] = [];
    let foreignCores = 0;
    for (const contestant of contestants) {
      const before = busyMilliseconds();
      const round = await contestant.round();
      const foreign = busyMilliseconds() - before - round.cpuMilliseconds;
      foreignCores = Math.max(foreignCores, foreign / round.milliseconds);
      results.push(round);
    }
    turns.push({ results, foreignCores });
  }
  return turns.sort((a, b) => a.foreignCores - b.foreignCores).slice(0, count);
}

/** Processor time of the whole machine since it started. */
function busyMilliseconds(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

/** Milliseconds of one step, or of one call. */
export const stepTime = ({ milliseconds, steps }: Round): number => milliseconds / steps;
