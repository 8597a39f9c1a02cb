import { describe, expect, it } from 'vitest';
import { grid25, mixtureDataset, ring8 } from '../../../training/data/mixtures.ts';
import { EpochSampler } from '../../../training/data/sampler.ts';
import { mixtureSamples, scoreMixture } from '../../../training/metrics/mixture.ts';

/** Modes at 0, 10, 20 and 30 on the x axis, std 1. */
const line = {
  name: 'line',
  centres: [0, 10, 20, 30].map((x) => [x, 0] as const),
  std: 1,
};
const points = (...values: readonly (readonly [number, number])[]) => Float32Array.from(values.flat());

/** `count` of the mixture's own points, in shuffled order. */
function ownPoints(mixture: typeof ring8, count: number): Float32Array {
  const { data, count: all } = mixtureDataset(mixture);
  return Float32Array.from(
    [...new EpochSampler(all, 0).indices(0, count)].flatMap((i) => [data[2 * i]!, data[2 * i + 1]!]),
  );
}

describe('scoreMixture', () => {
  it('counts by the nearest mode, within 3 standard deviations', () => {
    const scores = scoreMixture(
      points([0, 0], [0, 2.9], [-2.9, 0], [10, -1], [17.1, 0], [30, 3.1], [31, 0], [30, 0], [29, 1], [30, 2]),
      line,
    );
    // 3 at the first mode, 1 at the second, 1 at the third, 4 at the last; [30, 3.1] is too far.
    expect(scores).toMatchObject({
      samples: 10,
      nonFinite: 0,
      highQuality: 0.9,
      modes: 4,
      histogram: [3, 1, 1, 4],
    });
    const entropy = -(3 * Math.log(3 / 9) + 2 * Math.log(1 / 9) + 4 * Math.log(4 / 9)) / 9;
    expect(scores.reverseKl).toBeCloseTo(Math.log(4) - entropy, 12);
  });

  it('gives the reverse KL of NumPy for 3, 1, 0 and 4 points a mode', () => {
    const scores = scoreMixture(
      points([0, 0], [0, 0], [0, 0], [10, 0], [30, 0], [30, 0], [30, 0], [30, 0]),
      line,
    );
    expect(scores.modes).toBe(3);
    expect(scores.reverseKl).toBeCloseTo(0.41197960825054114, 12);
  });

  it('does not count a point 3 standard deviations away', () => {
    expect(scoreMixture(points([3, 0], [0, 0]), line).highQuality).toBe(0.5);
  });

  it('gives a collapsed generator one mode and ln(n)', () => {
    const scores = scoreMixture(points([10, 0], [10, 0.5], [11, 0]), line);
    expect(scores).toMatchObject({ highQuality: 1, modes: 1 });
    expect(scores.reverseKl).toBeCloseTo(Math.log(4), 12);
  });

  it('gives an even spread a reverse KL of exactly 0', () => {
    const even = grid25.centres.flatMap((centre) => [centre, centre, centre]);
    expect(scoreMixture(points(...even), grid25)).toMatchObject({ highQuality: 1, modes: 25, reverseKl: 0 });
  });

  it('has no reverse KL without a high-quality point', () => {
    expect(scoreMixture(points([5, 5], [-9, 0]), line)).toMatchObject({
      highQuality: 0,
      modes: 0,
      reverseKl: NaN,
      histogram: [0, 0, 0, 0],
    });
  });

  it('counts points that are not finite as samples of low quality', () => {
    const scores = scoreMixture(points([0, 0], [NaN, 0], [10, Infinity], [-Infinity, NaN]), line);
    expect(scores).toMatchObject({ samples: 4, nonFinite: 3, highQuality: 0.25, modes: 1 });
  });

  /** Points of the first mode of the line, of these standard deviations; even in the angle, Rayleigh in the radius. */
  const mode = (a: number, b: number, count = 2000) =>
    Array.from({ length: count }, (_, i) => {
      const radius = Math.sqrt(-2 * Math.log(1 - ((i * 0.618034 + 0.5) % 1)));
      const angle = (2 * Math.PI * i) / count;
      return [a * radius * Math.cos(angle), b * radius * Math.sin(angle)] as const;
    });

  it('gives a mode that has shrunk its standard deviation over that of the data, off centre too', () => {
    // At 0.3 nothing is cut off, as it is from the data: their standard deviation is then 0.9744.
    const shrunk = mode(0.3, 0.3).map(([x, y]) => [x + 1, y] as const);
    expect(scoreMixture(points(...shrunk), line).spread).toBeCloseTo(0.3 / 0.9744, 2);
    expect(scoreMixture(points(...mode(1, 1)), line).spread).toBeCloseTo(1, 1);
  });

  it('gives the geometric mean of both directions: a line has no spread, however long and however it lies', () => {
    expect(scoreMixture(points(...mode(0.4, 0.1)), line).spread).toBeCloseTo(0.2 / 0.9744, 2);
    const diagonal = mode(0.5, 0).map(([x]) => [x, x] as const);
    expect(scoreMixture(points(...diagonal), line).spread).toBeCloseTo(0, 3);
    expect(scoreMixture(points([0, 0], [10, 0], [10, 1]), line).spread).toBe(0);
  });

  it('counts modes by their points, and has no spread without a good one', () => {
    const points10 = new Array<readonly [number, number]>(1000).fill([10, 0]);
    const half = scoreMixture(points(...mode(0.3, 0.3, 3000), ...points10), line);
    expect(half.spread).toBeCloseTo((0.75 * 0.3) / 0.9744, 2);
    expect(scoreMixture(points([5, 5]), line).spread).toBeNaN();
  });

  it('refuses half a point and no point', () => {
    expect(() => scoreMixture(new Float32Array(3), line)).toThrow('points: 3 numbers, must be 2 for each');
    expect(() => scoreMixture(new Float32Array(0), line)).toThrow('points: 0 numbers');
  });

  // 1 - e^(-9/2) of a round 2-D Gaussian lies within 3 standard deviations.
  const expected = 1 - Math.exp(-4.5);

  it.each([ring8, grid25])('finds the exact share of high quality in all of $name', (mixture) => {
    const scores = scoreMixture(mixtureDataset(mixture).data as Float32Array, mixture);
    expect(scores.modes).toBe(mixture.centres.length);
    // One standard error of 100,000 points is 0.00033.
    expect(Math.abs(scores.highQuality - expected)).toBeLessThan(0.0013);
    expect(scores.reverseKl).toBeLessThan(1e-5);
    // One standard error of a standard deviation from 100,000 points in two directions is 0.0016.
    expect(Math.abs(scores.spread - 1)).toBeLessThan(0.005);
  });

  it.each([ring8, grid25])('finds in 2,500 points of $name the reverse KL of chance alone', (mixture) => {
    const scores = scoreMixture(ownPoints(mixture, mixtureSamples), mixture);
    const n = mixture.centres.length;
    expect(scores).toMatchObject({ samples: 2500, modes: n });
    // One standard error of 2,500 points is 0.0021.
    expect(Math.abs(scores.highQuality - expected)).toBeLessThan(0.0084);
    // 2 N KL is chi-squared with n - 1 degrees of freedom: mean n - 1, standard deviation sqrt(2 (n - 1)).
    const chi = 2 * mixtureSamples * scores.reverseKl;
    expect(Math.abs(chi - (n - 1))).toBeLessThan(3 * Math.sqrt(2 * (n - 1)));
  });
});
