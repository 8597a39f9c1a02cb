import { parseArgs } from 'node:util';
import { availableParallelism } from 'node:os';
import { cases } from './cases.ts';
import type { Case } from './cases.ts';
import { compareSides, tookPart } from './compare.ts';
import type { Round } from './contestant.ts';
import { describeMachine, machine } from './machine.ts';
import { positive, writeFigures } from './options.ts';
import { fitLine, median } from './statistics.ts';
import type { Line } from './statistics.ts';
import { ganxContestant } from './step.ts';
import { percent, precise, table } from './table.ts';
import { stepTime } from './turns.ts';

const usage = `usage: npm run bench -- scaling [options]
  --case NAME      the case whose batch is varied (dcgan32-f32-b32-grey)
  --long NAME      the case that is trained for long (mlp-h64-b32)
  --steps N        its steps (10000)
  --threads N      threads of onnxruntime (all cores)
  --rounds N       rounds of each batch, in turn (5)
  --seconds S      length of a round (1)
  --device NAME    cpu, cuda or cuda:INDEX (cpu)
  --quick          a smoke test: two batches, 1000 steps
  --json FILE      write the figures to FILE`;

/** What a step costs: by the batch, on which it should depend as a line, and over a long run, where it should not change. */
export async function scalingBenchmark(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string', default: 'dcgan32-f32-b32-grey' },
      long: { type: 'string', default: 'mlp-h64-b32' },
      steps: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const { quick, device } = values;
  const threads = positive('--threads', values.threads);
  const seconds = positive('--seconds', values.seconds ?? (quick ? '0.1' : '1'));
  const rounds = positive('--rounds', values.rounds ?? (quick ? '1' : '5'));
  const steps = positive('--steps', values.steps ?? (quick ? '1000' : '10000'));
  const [varied, long] = [caseCalled(values.case), caseCalled(values.long)];
  const here = machine();
  console.error(describeMachine(here));

  const batches = await byBatch(varied, quick ? [8, 32] : [8, 16, 32, 64, 128, 256], rounds, {
    threads,
    seconds,
    device,
  });
  console.log(`${renderBatches(varied, batches)}\n`);
  const drift = await overTime(long, steps, { threads, device });
  console.log(renderDrift(long, drift));
  writeFigures(values.json, {
    machine: here,
    options: { threads, seconds, rounds, device },
    batches: { case: varied.name, ...batches },
    drift: { case: long.name, ...drift },
  });
}

function caseCalled(name: string): Case {
  const found = cases.find((each) => each.name === name);
  if (!found)
    throw new Error(
      `case "${name}" is unknown; expected one of ${cases.map((each) => each.name).join(', ')}`,
    );
  return found;
}

interface Batches {
  readonly rows: readonly { readonly batch: number; readonly ms: number; readonly hostShare: number }[];
  /** Milliseconds of a step over its batch. */
  readonly line: Line;
}

type Settings = Parameters<typeof ganxContestant>[1];

async function byBatch(
  each: Case,
  batches: readonly number[],
  rounds: number,
  settings: Settings,
): Promise<Batches> {
  const sides = batches.map((batch) => ({
    name: String(batch),
    start: () => ganxContestant({ ...each, recipe: { ...each.recipe, batch } }, settings),
  }));
  const compared = await compareSides(sides, rounds);
  const rows = batches.flatMap((batch) => {
    const side = compared.sides[batch];
    return tookPart(side) ? [{ batch, ms: side.medianMs, hostShare: side.hostShare ?? 0 }] : [];
  });
  return { rows, line: fitLine(rows.map(({ batch, ms }) => [batch, ms])) };
}

function renderBatches({ name }: Case, { rows, line: { slope, intercept, r2 } }: Batches): string {
  const head = ['batch', 'ms a step', 'ms a sample', 'of the line', 'host'];
  const cells = rows.map(({ batch, ms, hostShare }) => [
    String(batch),
    precise(ms),
    precise(ms / batch),
    percent(ms / (intercept + slope * batch), 0),
    percent(hostShare, 2),
  ]);
  const line = `${precise(intercept)} ms a step + ${precise(slope)} ms a sample, R² ${r2.toFixed(4)}`;
  return `${name}\n${table(head, cells)}\nline: ${line}`;
}

interface Drift {
  readonly steps: number;
  /** Milliseconds of a step in the first and in the last tenth of the run. */
  readonly first: number;
  readonly last: number;
  readonly residentBytes: { readonly start: number; readonly end: number };
  readonly hostShare: number;
}

/** One process that does all the steps, in rounds as short as training makes its runs. */
async function overTime(each: Case, steps: number, settings: Omit<Settings, 'seconds'>): Promise<Drift> {
  const contestant = ganxContestant(each, { ...settings, seconds: 0.1 });
  const rounds: Round[] = [];
  try {
    await contestant.ready();
    for (let done = 0; done < steps; done += rounds.at(-1)!.steps) rounds.push(await contestant.round());
    await contestant.end();
  } finally {
    contestant.kill();
  }
  const tenth = Math.max(1, Math.round(rounds.length / 10));
  return {
    steps: rounds.reduce((sum, round) => sum + round.steps, 0),
    first: median(rounds.slice(0, tenth).map(stepTime)),
    last: median(rounds.slice(-tenth).map(stepTime)),
    residentBytes: { start: rounds[0]!.residentBytes!, end: rounds.at(-1)!.residentBytes! },
    hostShare: median(
      rounds.map(({ milliseconds, runtimeMilliseconds }) => 1 - runtimeMilliseconds! / milliseconds),
    ),
  };
}

function renderDrift({ name }: Case, { steps, first, last, residentBytes, hostShare }: Drift): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    `${name}, ${steps} steps`,
    `first tenth ${precise(first)} ms a step, last tenth ${precise(last)} (${(last / first).toFixed(3)} times)`,
    `resident ${megabytes(residentBytes.start)} at the start, ${megabytes(residentBytes.end)} at the end`,
    `host ${percent(hostShare, 2)}`,
  ].join('\n');
}
