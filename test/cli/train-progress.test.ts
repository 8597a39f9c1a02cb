import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { reporter } from '../../cli/train-progress.ts';
import type { TrainEvent } from '../../training/events.ts';

const { isTTY, columns } = process.stdout;
let written: string[];

beforeEach(() => {
  written = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  Object.assign(process.stdout, { isTTY, columns });
});

const step = (done: number, steps: number): TrainEvent => ({
  type: 'step',
  step: done,
  steps,
  images: 64 * done,
  seconds: done / 100,
  imagesPerSecond: 6048,
  dLoss: 1.1124,
  gLoss: 1.1704,
  dReal: 0.5,
  dFake: 0.5,
  dGradNorm: 1,
  gGradNorm: 1,
});

/** What a terminal of that width shows after the event. */
function shown(event: TrainEvent, width: number, tell?: (event: TrainEvent) => void): string {
  Object.assign(process.stdout, { isTTY: true, columns: width });
  (tell ?? reporter(false))(event);
  return written.at(-1)!.replace('\r\x1b[K', '');
}

const numbers = 'step 25000/100000 · 6048 samples/s · D 1.112 · G 1.170 · 12 min 30 s left';

test('a terminal shows all numbers first, and a bar in what they leave', () => {
  const quarter = step(25_000, 100_000);
  expect(shown(quarter, 120)).toBe(`[${'='.repeat(6)}${' '.repeat(18)}] ${numbers}`);
  expect(shown(quarter, numbers.length + 8)).toBe(`[=   ] ${numbers}`);
  expect(shown(quarter, numbers.length + 1)).toBe(numbers);
  expect(shown(quarter, 40)).toBe(numbers.slice(0, 39));
});

test('a run of a given time shows how much of it is left', () => {
  vi.useFakeTimers();
  Object.assign(process.stdout, { isTTY: true });
  const tell = reporter(false, 10);
  expect(shown(step(1, 2 ** 31 - 1), 120, tell)).toContain(' · 10 min 0 s left');
  vi.advanceTimersByTime(150_000);
  expect(shown(step(2, 2 ** 31 - 1), 120, tell)).toBe(
    `[${'='.repeat(6)}${' '.repeat(18)}] step 2 · 6048 samples/s · D 1.112 · G 1.170 · 7 min 30 s left`,
  );
});
