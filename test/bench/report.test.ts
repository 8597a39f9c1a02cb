import { describe, expect, it } from 'vitest';
import { comparisonTable, derived, median, precise, table } from '../../bench/report.ts';
import type { Comparison } from '../../bench/report.ts';

const side = {
  medianMs: 20,
  minMs: 19,
  minCpuMs: 38,
  ratio: 1,
  peakBytes: 250e6,
  hostShare: 0.012,
  word: {},
};
const comparison: Comparison = {
  case: 'step dcgan',
  images: 32,
  flops: 1e9,
  gemmRates: { ganx: 100, PyTorch: 200 },
  notes: { ganx: '2 threads' },
  foreignCores: 0.04,
  sides: {
    ganx: side,
    'ganx, one run a step': { ...side, medianMs: 25, ratio: 1.25 },
    'PyTorch plain': { ...side, medianMs: 40, ratio: 2 },
    'PyTorch compile': { unable: 'no C++ compiler (g++)' },
  },
};

describe('figures of a side', () => {
  it('are its rates, and its share of the Gemm rate of its own runtime', () => {
    expect(derived(comparison, 'ganx, one run a step', { ...side, medianMs: 25 })).toEqual({
      imagesPerSecond: 1280,
      gflops: 40,
      gemmShare: 0.4,
    });
    expect(derived(comparison, 'PyTorch plain', { ...side, medianMs: 40 })).toEqual({
      imagesPerSecond: 800,
      gflops: 25,
      gemmShare: 0.125,
    });
  });

  it('leave out what was not counted', () => {
    const { flops: _, ...uncounted } = comparison;
    expect(derived(uncounted, 'ganx', side)).toEqual({ imagesPerSecond: 1600 });
  });
});

describe('the table', () => {
  it('has a row a side, and says why one did not take part', () => {
    expect(comparisonTable([comparison]).split('\n')).toEqual([
      'case        side                       ms (min)  ratio  images/s  GFLOP/s  of Gemm    host   MB  other load  remarks',
      'step dcgan  ganx                  20.00 (19.00)   1.00      1600     50.0     50 %  1.20 %  250  0.04 cores  2 threads',
      '            ganx, one run a step  25.00 (19.00)   1.25      1280     40.0     40 %  1.20 %  250',
      '            PyTorch plain         40.00 (19.00)   2.00       800     25.0     13 %  1.20 %  250',
      '            PyTorch compile                   -      -         -        -        -       -    -              no C++ compiler (g++)',
    ]);
  });

  it('aligns its first column left and figures right, unless told otherwise', () => {
    expect(table(['a', 'b'], [['long', '1']])).toBe('a     b\nlong  1');
    expect(table(['a', 'bb'], [['1', 'x']], ['bb'])).toBe('a  bb\n1  x');
  });
});

describe('numbers', () => {
  it.each([
    [0.1234, '0.123'],
    [1.2345, '1.234'],
    [16.04, '16.04'],
    [123.45, '123.5'],
    [12345, '12345'],
  ])('%d is written %s', (value, text) => {
    expect(precise(value)).toBe(text);
  });

  it('have a median', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});
