import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildProgram } from '../../../graph-builder/program.ts';
import { autotune } from '../../../training/autotune/autotune.ts';
import type { Tuned } from '../../../training/autotune/autotune.ts';
import type { Execution } from '../../../training/autotune/execution.ts';
import type { Chunk, Engine } from '../../../training/engine/engine.ts';
import { mlp, points, recipeOf } from '../../parity/recipes.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
  process.env.XDG_CACHE_HOME = folder;
});
afterEach(() => {
  delete process.env.XDG_CACHE_HOME;
});

/** An engine that takes so long a step, and counts how many of its kind there were and are. */
class Machine {
  made: Execution[] = [];
  open = 0;

  readonly #cost: (execution: Execution) => number;

  constructor(cost: (execution: Execution) => number) {
    this.#cost = cost;
  }

  engine = (execution: Execution): Engine => {
    this.made.push(execution);
    this.open++;
    const milliseconds = this.#cost(execution);
    const never = () => Promise.reject(new Error('not for measuring'));
    return {
      ready: () =>
        milliseconds === Infinity ? Promise.reject(new Error('out of memory')) : Promise.resolve(),
      run: ({ steps }: Chunk) =>
        Promise.resolve({ telemetry: new Float32Array(), milliseconds: milliseconds * steps }),
      restore: () => Promise.resolve(),
      state: never,
      move: never,
      generate: never,
      dispose: () => {
        this.open--;
        return Promise.resolve();
      },
    };
  };
}

function tuned(machine: Machine, changes: Partial<Tuned> = {}): Tuned {
  return {
    program: buildProgram(recipeOf(mlp), points),
    device: { kind: 'cpu', index: 0 },
    usual: { target: 'cpu', threads: 4 },
    threads: 4,
    engine: machine.engine,
    chunkAt: (step, steps) => ({ step, steps }) as Chunk,
    signal: new AbortController().signal,
    onMeasuring: () => undefined,
    onWarning: (message) => {
      throw new Error(message);
    },
    ...changes,
  };
}

const byThreads = ({ threads }: Execution) => [0, 5, 3, 4, 4][threads]!;

test('measures, keeps what it found, and does not measure again', async () => {
  const machine = new Machine(byThreads);
  const first = await autotune(tuned(machine));
  expect(first.chosen.threads).toBe(2);
  expect(machine.made.length).toBeGreaterThan(2);
  expect(machine.open).toBe(0);
  const again = new Machine(byThreads);
  expect(await autotune(tuned(again))).toEqual({ ...first, isKept: true });
  expect(again.made).toEqual([]);
});

test('measures anew for another program, another device and another number of threads', async () => {
  await autotune(tuned(new Machine(byThreads)));
  const other = buildProgram({ ...recipeOf(mlp), batch: 2 * recipeOf(mlp).batch }, points);
  for (const change of [
    { program: other },
    { device: { kind: 'cuda', index: 1 } },
    { threads: 2, usual: { target: 'cpu', threads: 2 } },
  ] as const) {
    const machine = new Machine(byThreads);
    await autotune(tuned(machine, change));
    expect(machine.made.length).toBeGreaterThan(0);
  }
});

test('an execution that does not run is not chosen, and tried again the next time', async () => {
  const machine = new Machine(({ threads }) => (threads === 4 ? Infinity : threads));
  const first = await autotune(tuned(machine));
  expect(first.chosen.threads).toBe(1);
  expect(first.measured[0]!.milliseconds).toBe(Infinity);
  expect(machine.open).toBe(0);
  const roomy = new Machine(({ threads }) => 8 / threads);
  expect((await autotune(tuned(roomy))).chosen.threads).toBe(4);
});

test.each([
  ['damaged', '{"chosen": 3'],
  ['choosing what was not measured', '{"chosen": {"target": "cpu", "threads": 64}, "measured": []}'],
])('a file %s is measured over', async (_, content) => {
  await autotune(tuned(new Machine(byThreads)));
  const kept = join(folder, 'ganx', 'autotune');
  const [file] = readdirSync(kept);
  writeFileSync(join(kept, file!), content);
  const machine = new Machine(byThreads);
  expect((await autotune(tuned(machine))).chosen.threads).toBe(2);
  expect(machine.made.length).toBeGreaterThan(0);
});

test('a cache that cannot be written is a warning', async () => {
  writeFileSync(join(folder, 'ganx'), 'a file where the folder should be');
  const warnings: string[] = [];
  const tuning = await autotune(
    tuned(new Machine(byThreads), {
      onWarning: (message) => {
        warnings.push(message);
      },
    }),
  );
  expect(tuning.chosen.threads).toBe(2);
  expect(warnings).toEqual([expect.stringMatching(/not kept: .*cannot write/)]);
});

test('a signal ends it', async () => {
  const stop = new AbortController();
  const machine = new Machine((execution) => {
    stop.abort(new Error('stopped'));
    return byThreads(execution);
  });
  await expect(autotune(tuned(machine, { signal: stop.signal }))).rejects.toThrow('stopped');
  expect(machine.made).toHaveLength(1);
  expect(machine.open).toBe(0);
});
