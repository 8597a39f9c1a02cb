import { createInterface } from 'node:readline';
import { peakMemory } from '../training/memory.ts';
import type { Farewell, Round, Word } from './contestant.ts';

const say = (answer: object) => {
  console.log(JSON.stringify(answer));
};

/**
 * A contestant's side of the conversation, for as long as rounds are asked for.
 *
 * @param device name of the device that the rounds run on
 */
export async function answerRounds(word: Word, round: () => Promise<Round>, device = 'cpu'): Promise<void> {
  say(word);
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== 'round') break;
    say(await round());
  }
  const { host, device: deviceBytes } = await peakMemory(device);
  say({ peakBytes: host, ...(deviceBytes === undefined ? {} : { deviceBytes }) } satisfies Farewell);
}

/** Times `work`, which takes `steps` steps. */
export async function timed(steps: number, work: (steps: number) => Promise<void>): Promise<Round> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  await work(steps);
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuStart);
  return { steps, milliseconds, cpuMilliseconds: (user + system) / 1000 };
}

/** Warms up; returns how many steps of `work` take about `seconds`. */
export async function warm(work: (steps: number) => Promise<void>, seconds: number): Promise<number> {
  let { steps, milliseconds } = await timed(2, work);
  for (let i = 0; i < 3; i++) {
    const fitting = Math.round((seconds * 1000 * steps) / milliseconds);
    ({ steps, milliseconds } = await timed(Math.max(1, Math.min(fitting, steps * 20)), work));
  }
  return steps;
}
