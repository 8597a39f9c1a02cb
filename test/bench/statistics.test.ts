import { describe, expect, it } from 'vitest';
import { fitLine, median } from '../../bench/statistics.ts';

describe('the line through points', () => {
  it('is found exactly where they lie on one', () => {
    const { slope, intercept, r2 } = fitLine([1, 2, 5].map((x) => [x, 3 + 2 * x]));
    expect(slope).toBeCloseTo(2, 12);
    expect(intercept).toBeCloseTo(3, 12);
    expect(r2).toBeCloseTo(1, 12);
  });

  it('explains part of the rest otherwise', () => {
    // Means 1 and 1; slope 2 / 2, rests -1/3, 2/3, -1/3 of a variance of 8/3.
    const { slope, intercept, r2 } = fitLine([
      [0, 0],
      [1, 2],
      [2, 2],
    ]);
    expect(slope).toBeCloseTo(1, 12);
    expect(intercept).toBeCloseTo(1 / 3, 12);
    expect(r2).toBeCloseTo(0.75, 12);
  });

  it('is flat where nothing changes', () => {
    expect(fitLine([1, 2, 3].map((x) => [x, 5]))).toEqual({ slope: 0, intercept: 5, r2: 1 });
  });
});

describe('numbers', () => {
  it('have a median', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
