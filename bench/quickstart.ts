import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { presets } from '../training/presets.ts';
import { JsonProcess } from './json-process.ts';
import { describeMachine, machine } from './machine.ts';
import { positive, writeFigures } from './options.ts';
import { beside, flags } from './processes.ts';
import type { Flags } from './processes.ts';
import { median } from './statistics.ts';
import { precise, table } from './table.ts';

const usage = `usage: npm run bench -- quickstart [options]
  --full           train all the 256,000 images instead of a stretch that is scaled
  --steps N        steps of the stretch (600), of which the first sixth counts as start-up
  --against DIR    another checkout of ganx, built (npm run build): both in turn
  --threads N      threads of onnxruntime (all cores)
  --device NAME    as of ganx train (cpu)
  --rounds N       trainings of each version (3; 1 with --full)
  --quick          a smoke test: one stretch of 60 steps
  --json FILE      write the figures to FILE`;

/** Real images shown. */
const goal = 256_000;
const goalSteps = goal / presets.dcgan!.batch;

/** What the default recipe takes, as a user starts it: `ganx train` in a process of its own. */
export async function quickstartBenchmark(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      full: { type: 'boolean', default: false },
      steps: { type: 'string' },
      against: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      device: { type: 'string', default: 'cpu' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const { full, quick, device } = values;
  const threads = positive('--threads', values.threads);
  const rounds = positive('--rounds', values.rounds ?? (full || quick ? '1' : '3'));
  const steps = full ? goalSteps : positive('--steps', values.steps ?? (quick ? '60' : '600'));
  const programs = new Map([['this one', beside('../cli/main.js')]]);
  if (values.against !== undefined) {
    const other = resolve(values.against, 'dist/cli/main.js');
    if (!existsSync(other)) throw new Error(`--against: no ${other}; run "npm run build" there`);
    programs.set(values.against, other);
  }
  const here = machine();
  console.error(describeMachine(here));

  const results = new Map([...programs.keys()].map((name) => [name, [] as Quickstart[]]));
  for (let i = 0; i < rounds; i++)
    for (const [name, program] of programs) {
      console.error(`${name} ...`);
      results.get(name)!.push(scaled(await train(program, { steps, threads, device }), goalSteps));
    }
  console.log(render(results));
  writeFigures(values.json, {
    machine: here,
    options: { full, steps, threads, device, rounds },
    results: Object.fromEntries(results),
  });
}

/** That a step was done, and when: seconds since the process was started. */
export interface Mark {
  readonly step: number;
  readonly seconds: number;
}

export interface Quickstart {
  /** Until all images were shown, measured or scaled. */
  readonly seconds: number;
  /** Once training is warm. */
  readonly msPerStep: number;
  /** Until the first steps were done. */
  readonly startSeconds: number;
}

/**
 * The time at which step `total` is done, if all steps after the first sixth of those that were seen take as long as
 * these did.
 */
export function scaled(marks: readonly Mark[], total: number): Quickstart {
  const last = marks.at(-1);
  const warm = marks.find(({ step }) => step >= (last?.step ?? 0) / 6);
  if (!last || !warm || last.step === warm.step)
    throw new Error('the training was too short to be timed; give it more --steps');
  const perStep = (last.seconds - warm.seconds) / (last.step - warm.step);
  return {
    seconds: last.seconds + (total - last.step) * perStep,
    msPerStep: 1000 * perStep,
    startSeconds: marks[0]!.seconds,
  };
}

/** Trains by the default recipe on the digits that ship. */
async function train(program: string, options: Flags): Promise<Mark[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-bench-'));
  const start = performance.now();
  const training = new JsonProcess(process.execPath, [
    program,
    'train',
    ...flags({ json: true, out: join(folder, 'run'), ...options }),
  ]);
  try {
    const marks: Mark[] = [];
    for (;;) {
      const event = await training.answer<{ readonly type: string; readonly step?: number }>();
      if (event.type === 'step')
        marks.push({ step: event.step!, seconds: (performance.now() - start) / 1000 });
      if (event.type === 'end') return marks;
    }
  } finally {
    training.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function render(results: ReadonlyMap<string, readonly Quickstart[]>): string {
  const [own] = results.values();
  const of = (runs: readonly Quickstart[], key: keyof Quickstart) => median(runs.map((run) => run[key]));
  const rows = [...results].map(([name, runs]) => [
    name,
    precise(of(runs, 'startSeconds')),
    precise(of(runs, 'msPerStep')),
    precise(of(runs, 'seconds')),
    median(runs.map(({ seconds }, i) => seconds / own![i]!.seconds)).toFixed(2),
  ]);
  return table(['version', 's to the first steps', 'ms a step', `s to ${goal} images`, 'ratio'], rows);
}
