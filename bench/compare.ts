import type { Contestant, Round, Word } from './contestant.ts';
import { median } from './statistics.ts';
import { quietTurns, stepTime } from './turns.ts';

/** One side of a comparison, by what the table calls it. */
export interface Side {
  readonly name: string;
  readonly start: () => Contestant;
  /** Seconds that it may take to be ready, where it may also be unable to: the table then says why. */
  readonly patience?: number;
}

export interface SideFigures {
  readonly medianMs: number;
  readonly minMs: number;
  /** Processor time of a step, all threads: with one thread it hardly depends on what else the machine does. */
  readonly minCpuMs: number;
  /** Its time over that of the first side: median of the pairs. */
  readonly ratio: number;
  readonly peakBytes: number;
  /** On a GPU, where its driver tells. */
  readonly deviceBytes?: number;
  /** Share of the time outside the runtime. */
  readonly hostShare?: number;
  /** What it said when it was ready. */
  readonly word: Word;
}

/** A side that did not take part, and why. */
export interface Unable {
  readonly unable: string;
}

export const tookPart = (side: SideFigures | Unable | undefined): side is SideFigures =>
  side !== undefined && 'medianMs' in side;

export interface Compared {
  readonly sides: Readonly<Record<string, SideFigures | Unable>>;
  /** Cores that other processes used meanwhile, at most. */
  readonly foreignCores: number;
}

/**
 * Rounds of all sides in turn; ratios are taken within a turn.
 *
 * @param check throws where what a side says of itself shows that it does something else
 */
export async function compareSides(
  sides: readonly Side[],
  rounds: number,
  check: (name: string, word: Word) => void = () => undefined,
): Promise<Compared> {
  const started: Contestant[] = [];
  try {
    const result = new Map<string, SideFigures | Unable>();
    const ready: { name: string; word: Word; contestant: Contestant }[] = [];
    // One after the other: each learns from its first steps how many make a round.
    for (const { name, start, patience } of sides) {
      const contestant = start();
      started.push(contestant);
      const word = await (patience === undefined ? contestant.ready() : readyWithin(contestant, patience));
      check(name, word);
      result.set(name, { unable: word.unable ?? '' });
      if (word.unable === undefined) ready.push({ name, word, contestant });
      else contestant.kill();
    }
    const turns = await quietTurns(
      ready.map(({ contestant }) => contestant),
      rounds,
    );
    for (const [i, { name, word, contestant }] of ready.entries()) {
      const { peakBytes, deviceBytes } = await contestant.end();
      const own = turns.map(({ results }) => results[i]!);
      const first = turns.map(({ results }) => results[0]!);
      result.set(name, {
        ...summarize(own, first),
        peakBytes,
        ...(deviceBytes == null ? {} : { deviceBytes }),
        word,
      });
    }
    return {
      sides: Object.fromEntries(result),
      foreignCores: Math.max(...turns.map((turn) => turn.foreignCores)),
    };
  } finally {
    for (const contestant of started) contestant.kill();
  }
}

/** Its word, or one that says why there is none: it takes too long, or has failed. */
async function readyWithin(contestant: Contestant, seconds: number): Promise<Word> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Word>((resolve) => {
    timer = setTimeout(() => {
      resolve({ unable: `not ready after ${seconds} s` });
    }, seconds * 1000);
  });
  try {
    return await Promise.race([contestant.ready(), late]);
  } catch (error) {
    return { unable: reasonIn(error instanceof Error ? error.message : String(error)) };
  } finally {
    clearTimeout(timer);
  }
}

/** The line of a Python traceback that names the exception; hints may follow it. Of other texts the last line. */
function reasonIn(text: string): string {
  const lines = text.trim().split('\n');
  return lines.findLast((line) => /^(?:\w+\.)*[A-Z]\w+: /.test(line)) ?? lines.at(-1)!;
}

function summarize(rounds: readonly Round[], first: readonly Round[]) {
  const times = rounds.map(stepTime);
  const shares = rounds.flatMap(({ milliseconds, runtimeMilliseconds }) =>
    runtimeMilliseconds === undefined ? [] : [1 - runtimeMilliseconds / milliseconds],
  );
  return {
    medianMs: median(times),
    minMs: Math.min(...times),
    minCpuMs: Math.min(...rounds.map(({ cpuMilliseconds, steps }) => cpuMilliseconds / steps)),
    ratio: median(times.map((time, i) => time / stepTime(first[i]!))),
    ...(shares.length ? { hostShare: median(shares) } : {}),
  };
}
