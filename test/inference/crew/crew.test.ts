import { afterEach, expect, test } from 'vitest';
import { loadRuntime } from '../../../artifacts/onnxruntime-node.ts';
import { Crew } from '../../../inference/crew/crew.ts';
import { MixingModel } from '../../../inference/crew/mixing-model.ts';
import { nodeRuntime } from '../../../inference/onnxruntime-node.ts';
import { planSamples } from '../../../inference/plan.ts';
import { RowModel } from '../../../inference/row-model.ts';
import { frameRows, sampleRows } from '../../../inference/rows.ts';
import type { RowRunner, Rows } from '../../../inference/rows.ts';
import { dropoutRecipe, generatorModel, grey } from '../generators.ts';

/** Counts the rows of each run, and may do something else instead. */
class Member implements RowRunner {
  readonly runs: number[] = [];
  disposed = false;
  readonly #inner: RowRunner;
  instead: RowRunner['run'] | undefined;

  constructor(inner: RowRunner) {
    this.#inner = inner;
  }

  get metadata() {
    return this.#inner.metadata;
  }

  get mixes() {
    return this.#inner.mixes;
  }

  run(rows: Rows): ReturnType<RowRunner['run']> {
    this.runs.push(rows.count);
    return (this.instead ?? ((all) => this.#inner.run(all)))(rows);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    await this.#inner.dispose();
  }
}

const made: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const dispose of made.splice(0)) await dispose();
});

/** A leader and two helpers on a generator with dropout. */
async function members() {
  const file = { bytes: generatorModel(dropoutRecipe, grey), source: 'generator' };
  const runtime = nodeRuntime(await loadRuntime(), { threads: 1 });
  const leader = new Member(await RowModel.load(runtime, file));
  const helper = async () => new Member((await MixingModel.load(runtime, file))!);
  const helpers = [await helper(), await helper()] as const;
  made.push(async () => {
    for (const member of [leader, ...helpers]) if (!member.disposed) await member.dispose();
  });
  const forget = () => {
    for (const { runs } of [leader, ...helpers]) runs.length = 0;
  };
  const rows = (n: number) => sampleRows(planSamples(leader.metadata, n, { seed: 5 }));
  return { leader, helpers, forget, rows };
}

test.each([
  [16, [8, 8]],
  [64, [32, 32]],
  [130, [22, 21, 22, 22, 21, 22]],
])('shares %i rows evenly, with the bits of the leader', async (n, shares) => {
  const { leader, helpers, forget, rows } = await members();
  const crew = await Crew.form(leader, helpers);
  const expected = await leader.run(rows(n));
  forget();
  expect(await crew.run(rows(n))).toEqual(expected);
  expect(leader.runs).toEqual([]);
  expect(helpers.every(({ runs }) => runs.length > 0)).toBe(true);
  expect(helpers.flatMap(({ runs }) => runs).sort()).toEqual([...shares].sort());
});

test('shares frames, which have the noise of a first row each', async () => {
  const { leader, helpers } = await members();
  const crew = await Crew.form(leader, helpers);
  const frames = () => frameRows(planSamples(leader.metadata, 20, { seed: 5 }), true);
  expect(await crew.run(frames())).toEqual(await leader.run(frames()));
});

test('leaves few rows to the leader', async () => {
  const { leader, helpers, forget, rows } = await members();
  const crew = await Crew.form(leader, helpers);
  forget();
  await crew.run(rows(15));
  expect([leader.runs, ...helpers.map(({ runs }) => runs)]).toEqual([[15], [], []]);
});

test('is not formed of helpers that give other bits', async () => {
  const { leader, helpers } = await members();
  const run = helpers[1].run.bind(helpers[1]);
  let calls = 0;
  helpers[1].run = async (rows) => {
    const data = await run(rows);
    if (calls++ === 0) data[3]! += 1e-7;
    return data;
  };
  await expect(Crew.form(leader, helpers)).rejects.toThrow('their samples differ in the last bits');
  expect(helpers.map(({ disposed }) => disposed)).toEqual([true, true]);
  expect(leader.disposed).toBe(false);
});

test('loses nothing when a helper fails', async () => {
  const { leader, helpers, forget, rows } = await members();
  const crew = await Crew.form(leader, helpers);
  const expected = await leader.run(rows(64));
  helpers[0].instead = () => Promise.reject(new Error('out of luck'));
  forget();
  expect(await crew.run(rows(64))).toEqual(expected);
  expect(leader.runs).toEqual([64]);
  expect(helpers.map(({ disposed }) => disposed)).toEqual([true, true]);
  expect(await crew.run(rows(64))).toEqual(expected);
});

test('keeps its helpers where the caller is to blame', async () => {
  const { leader, helpers, rows } = await members();
  const crew = await Crew.form(leader, helpers);
  const detached = rows(64);
  structuredClone(detached.z, { transfer: [detached.z.buffer] });
  await expect(crew.run(detached)).rejects.toThrow(TypeError);
  expect(helpers.map(({ disposed }) => disposed)).toEqual([false, false]);
});
