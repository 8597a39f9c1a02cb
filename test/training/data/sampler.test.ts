import { describe, expect, it } from 'vitest';
import { EpochSampler } from '../../../training/data/sampler.ts';

const sorted = (values: Int32Array): number[] => [...values].sort((a, b) => a - b);

describe('EpochSampler', () => {
  it.each([1, 2, 3, 7, 64, 1000])('visits each of %d samples exactly once an epoch', (count) => {
    const sampler = new EpochSampler(count, 5);
    const all = Array.from({ length: count }, (_, i) => i);
    for (const epoch of [0, 1, 2, 50]) expect(sorted(sampler.indices(epoch * count, count))).toEqual(all);
  });

  it('shuffles differently in every epoch and for every seed', () => {
    const orders = new Set<string>();
    const seeds = [0, 1, -1, 2, 2 ** 32, 2 ** 40 + 1];
    for (const seed of seeds) {
      const sampler = new EpochSampler(50, seed);
      for (let epoch = 0; epoch < 20; epoch++) orders.add(sampler.indices(epoch * 50, 50).join());
    }
    expect(orders.size).toBe(seeds.length * 20);
    expect(orders).not.toContain(Array.from({ length: 50 }, (_, i) => i).join());
  });

  it('gives the same in one piece as in many, across epochs, and after a restart', () => {
    const whole = new EpochSampler(37, 9).indices(20, 200);
    for (const piece of [1, 7, 32, 64, 111]) {
      const sampler = new EpochSampler(37, 9);
      const pieces: number[] = [];
      for (let at = 0; at < 200; at += piece) {
        pieces.push(...sampler.indices(20 + at, Math.min(piece, 200 - at)));
      }
      expect(pieces).toEqual([...whole]);
    }
    expect([...new EpochSampler(37, 9).indices(150, 70)]).toEqual([...whole.subarray(130)]);
  });

  it('does not depend on what was asked before', () => {
    const sampler = new EpochSampler(10, 3);
    const first = [...sampler.indices(0, 10)];
    sampler.indices(95, 30);
    sampler.indices(40, 10);
    expect([...sampler.indices(0, 10)]).toEqual(first);
  });

  it('puts every sample everywhere equally often', () => {
    const sampler = new EpochSampler(6, 1);
    const epochs = 6000;
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const [place, index] of sampler.indices(epoch * 6, 6).entries()) {
        const key = `${place}:${index}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    expect(counts.size).toBe(36);
    // 1000 expected each, with a standard deviation of 29.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it('refuses arguments that cannot be meant', () => {
    expect(() => new EpochSampler(0, 1)).toThrow('count must be 1 or more, got 0');
    expect(() => new EpochSampler(3, 0.5)).toThrow('seed must be an integer, got 0.5');
    expect(() => new EpochSampler(3, 1).indices(-1, 2)).toThrow('position must be 0 or more, got -1');
  });
});
