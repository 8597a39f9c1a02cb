import { describe, expect, it } from 'vitest';
import { grid25, mixtureDataset, ring8 } from '../../../training/data/mixtures.ts';

describe.each([ring8, grid25])('$name', (mixture) => {
  const { data, labels, ...rest } = mixtureDataset(mixture);

  it('is 100,000 labelled float32 points, each mode with the same share', () => {
    expect(rest).toMatchObject({ name: mixture.name, kind: 'points', count: 100_000, dtype: 'float32' });
    expect(rest.sampleShape).toEqual([2]);
    expect(data).toBeInstanceOf(Float32Array);
    expect(data).toHaveLength(200_000);
    expect(rest.classes[1]).toBe('mode 1');
    expect(rest.classes).toHaveLength(mixture.centres.length);
    const counts = new Array<number>(mixture.centres.length).fill(0);
    for (const label of labels!) counts[label]!++;
    expect(new Set(counts)).toEqual(new Set([100_000 / mixture.centres.length]));
  });

  it('has in every mode the mean, the spread and the shape of its Gaussian', () => {
    const { std } = mixture;
    for (const [mode, centre] of mixture.centres.entries()) {
      const sums = { x: 0, y: 0, xx: 0, yy: 0, xy: 0, within: 0, n: 0 };
      for (let i = 0; i < 100_000; i++) {
        if (labels![i] !== mode) continue;
        const x = (data[2 * i]! - centre[0]) / std;
        const y = (data[2 * i + 1]! - centre[1]) / std;
        sums.x += x;
        sums.y += y;
        sums.xx += x * x;
        sums.yy += y * y;
        sums.xy += x * y;
        sums.within += x * x + y * y < 1 ? 1 : 0;
        sums.n++;
      }
      // 4000 points or more a mode: a mean is off by 0.016 and a variance by 0.022 (one standard error).
      expect(Math.abs(sums.x / sums.n)).toBeLessThan(0.07);
      expect(Math.abs(sums.y / sums.n)).toBeLessThan(0.07);
      expect(Math.abs(sums.xx / sums.n - 1)).toBeLessThan(0.1);
      expect(Math.abs(sums.yy / sums.n - 1)).toBeLessThan(0.1);
      expect(Math.abs(sums.xy / sums.n)).toBeLessThan(0.07);
      expect(Math.abs(sums.within / sums.n - (1 - Math.exp(-0.5)))).toBeLessThan(0.035);
    }
  });

  it('is the same on every call', () => {
    expect(Buffer.from(mixtureDataset(mixture).data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
  });
});

describe('mode centres', () => {
  it('lie on the unit circle and on the grid', () => {
    expect(ring8.centres).toHaveLength(8);
    expect(ring8.centres[0]).toEqual([1, 0]);
    expect(ring8.centres[1]![0]).toBeCloseTo(Math.SQRT1_2);
    expect(ring8.centres[1]![1]).toBeCloseTo(Math.SQRT1_2);
    expect(ring8.centres[6]![1]).toBeCloseTo(-1);
    expect(ring8.std).toBe(0.01);
    const axis = [-4, -2, 0, 2, 4];
    expect(grid25.centres).toEqual(axis.flatMap((x) => axis.map((y) => [x, y])));
    expect(grid25.std).toBe(0.05);
  });

  it('gives these very points', () => {
    const points = [...mixtureDataset(ring8).data.subarray(0, 4)];
    expect(points.map((value) => value.toFixed(5))).toEqual(['1.01766', '-0.00379', '0.70394', '0.70872']);
  });
});
