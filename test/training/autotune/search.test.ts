import { expect, test } from 'vitest';
import type { Execution } from '../../../training/autotune/execution.ts';
import { search } from '../../../training/autotune/search.ts';

const usual: Execution = { target: 'cpu', threads: 16 };

/** Runs the search on a made-up machine. */
async function searched(cost: (execution: Execution) => number, from = usual, most = 16) {
  const asked: Execution[] = [];
  const tuning = await search(from, { targets: ['cpu', 'portable'], threads: most }, (execution) => {
    asked.push(execution);
    return Promise.resolve(cost(execution));
  });
  return { ...tuning, asked };
}

test('finds the number of threads from which more do not help', async () => {
  const { chosen, measured } = await searched(({ threads }) => 100 / threads + 3 * threads);
  expect(chosen).toEqual({ target: 'cpu', threads: 8 });
  // 16, and the other target; 8; and 4, which was slower.
  expect(measured.map(({ threads }) => threads)).toEqual([16, 16, 8, 4]);
});

test('finds the faster target, and measures threads on that one', async () => {
  const { chosen, measured } = await searched(({ target, threads }) =>
    target === 'portable' ? 10 + Math.abs(threads - 4) : 50,
  );
  expect(chosen).toEqual({ target: 'portable', threads: 4 });
  expect(measured.slice(2).every(({ target }) => target === 'portable')).toBe(true);
});

test('tries all threads where few are usual', async () => {
  const { chosen } = await searched(({ threads }) => 8 / threads, { target: 'cpu', threads: 1 });
  expect(chosen.threads).toBe(16);
});

test('leaves the threads alone where they make no difference', async () => {
  const { chosen, measured } = await searched(({ threads }) => threads, usual, 0);
  expect(chosen).toEqual(usual);
  expect(measured).toHaveLength(2);
});

test('does not fall for a moment in which the machine was busy', async () => {
  let asked = 0;
  // The first measurement, of the usual execution, is disturbed.
  const { chosen } = await searched(({ threads }) => (asked++ === 0 ? 300 : 100 + threads));
  expect(chosen.threads).toBe(1);
  asked = 0;
  const { chosen: kept } = await searched(() => (asked++ === 0 ? 300 : 100));
  expect(kept).toEqual(usual);
});

test('measures nothing twice', async () => {
  const { asked } = await searched(({ threads }) => threads, { target: 'cpu', threads: 1 }, 1);
  expect(asked).toEqual([
    { target: 'cpu', threads: 1 },
    { target: 'portable', threads: 1 },
  ]);
});

test('keeps the usual execution where another is faster by less than a twentieth', async () => {
  const of = (gain: number) => searched(({ threads }) => (threads === 8 ? 100 - gain : 100));
  expect((await of(4)).chosen).toEqual(usual);
  expect((await of(6)).chosen).toEqual({ target: 'cpu', threads: 8 });
});

test('does not choose what does not work', async () => {
  const { chosen } = await searched(({ target, threads }) => (target === 'cpu' ? Infinity : threads));
  expect(chosen).toEqual({ target: 'portable', threads: 1 });
});
