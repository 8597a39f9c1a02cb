import { describe, expect, it } from 'vitest';
import { comparisonTable, derived } from '../../bench/report.ts';
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
const uncounted: Comparison = {
  case: 'step dcgan',
  images: 32,
  gemmRates: { ganx: 100, PyTorch: 200 },
  notes: { ganx: 'threads: 2' },
  foreignCores: 0.04,
  sides: {
    ganx: side,
    'ganx, one run a step': { ...side, medianMs: 25, ratio: 1.25 },
    'PyTorch plain': { ...side, medianMs: 40, ratio: 2 },
    'PyTorch compile': { unable: 'no C++ compiler (g++)' },
  },
};
const comparison: Comparison = { ...uncounted, flops: 1e9 };

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
    expect(derived(uncounted, 'ganx', side)).toEqual({ imagesPerSecond: 1600 });
  });
});

describe('the table', () => {
  it('has a row a side, and says why one did not take part', () => {
    expect(comparisonTable([comparison]).split('\n')).toEqual([
      'case        side                       ms (min)  ratio  images/s  GFLOP/s  of Gemm    host   MB  other load  remarks',
      'step dcgan  ganx                  20.00 (19.00)   1.00      1600     50.0     50 %  1.20 %  250  0.04 cores  threads: 2',
      '            ganx, one run a step  25.00 (19.00)   1.25      1280     40.0     40 %  1.20 %  250',
      '            PyTorch plain         40.00 (19.00)   2.00       800     25.0     13 %  1.20 %  250',
      '            PyTorch compile                   -      -         -        -        -       -    -              no C++ compiler (g++)',
    ]);
  });
});
