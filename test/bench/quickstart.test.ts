import { expect, test } from 'vitest';
import { scaled } from '../../bench/quickstart.ts';

test('a stretch is scaled by the pace of its steps after the first sixth', () => {
  const marks = [
    { step: 10, seconds: 5 },
    { step: 100, seconds: 8 },
    { step: 600, seconds: 18 },
  ];
  expect(scaled(marks, 4000)).toEqual({ seconds: 18 + 3400 * 0.02, msPerStep: 20, startSeconds: 5 });
});

test('a training in full is not scaled', () => {
  const marks = [
    { step: 1000, seconds: 25 },
    { step: 4000, seconds: 80 },
  ];
  expect(scaled(marks, 4000).seconds).toBe(80);
});

test('a stretch in which nothing can be timed is refused', () => {
  expect(() => scaled([{ step: 60, seconds: 3 }], 4000)).toThrow('give it more --steps');
});
