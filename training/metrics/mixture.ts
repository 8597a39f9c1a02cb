import type { Mixture } from '../data/mixtures.ts';

/** Points that PacGAN generates for its figures; compare figures of one sample count only. */
export const mixtureSamples = 2500;

/** A point farther than this many standard deviations from every mode is of low quality. */
const qualityRadius = 3;

type Point = readonly [x: number, y: number];

/** How well points cover a mixture. */
export interface MixtureScores {
  /** Points that were scored. */
  readonly samples: number;
  /** Points with a coordinate that is not finite; of low quality, and counted in `samples`. */
  readonly nonFinite: number;
  /** Share of the points, 0 to 1, that lie within 3 standard deviations of their nearest mode. */
  readonly highQuality: number;
  /** Modes that are nearest to at least one high-quality point. */
  readonly modes: number;
  /**
   * KL(high-quality points over the modes || uniform) in nats: ln(n) - H, from 0 to ln(n). NaN where no point is of
   * high quality: there is no histogram then, and NaN passes no threshold.
   */
  readonly reverseKl: number;
  /**
   * Standard deviation of the high-quality points within a mode over that of the data's: 1 is as wide, 0 a point or a
   * line. Of a mode it is det(C)^(1/4), the geometric mean of the two principal standard deviations, with C the
   * covariance of its points about their own mean (over their number), divided by what the same is for the data, cut off
   * at 3 standard deviations as they are. The modes count by their points. NaN where no point is of high quality.
   */
  readonly spread: number;
  /** High-quality points nearest to each mode, in the order of `mixture.centres`. */
  readonly histogram: readonly number[];
}

/**
 * The figures of PacGAN (Lin et al. 2018, arXiv 1712.04086, section 4.1) for points of a 2-D mixture, and one for what
 * they do not see, modes that have shrunk. The mixture's own points score 1 - e^(-9/2) = 0.989 high quality, a reverse KL
 * of about (n - 1) / (2 N) and a spread of 1.
 *
 * @param points float32 [N, 2] in the data's own units; 2,500 of them for figures to compare
 * @throws RangeError where there is no point or half a point
 */
export function scoreMixture(points: Float32Array, { centres, std }: Mixture): MixtureScores {
  if (points.length === 0 || points.length % 2 !== 0)
    throw new RangeError(`points: ${points.length} numbers, must be 2 for each of 1 or more points`);
  const samples = points.length / 2;
  const members = centres.map((): Point[] => []);
  let nonFinite = 0;
  for (let i = 0; i < samples; i++) {
    const point = [points[2 * i]!, points[2 * i + 1]!] as const;
    const [x, y] = point;
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      nonFinite++;
      continue;
    }
    const distances = centres.map(([cx, cy]) => Math.hypot(x - cx, y - cy));
    const distance = Math.min(...distances);
    if (distance < qualityRadius * std) members[distances.indexOf(distance)]!.push(point);
  }
  const histogram = members.map(({ length }) => length);
  const good = histogram.reduce((sum, count) => sum + count, 0);
  return {
    samples,
    nonFinite,
    highQuality: good / samples,
    modes: histogram.filter((count) => count > 0).length,
    reverseKl: divergenceFromUniform(histogram),
    spread: members.reduce((sum, mode) => sum + mode.length * widthOf(mode), 0) / (good * std * cutWidth),
    histogram,
  };
}

/** Standard deviation of a coordinate of a round 2-D Gaussian that is cut off at `qualityRadius`, over its whole one. */
const cutWidth = Math.sqrt(1 - qualityRadius ** 2 / 2 / Math.expm1(qualityRadius ** 2 / 2));

/** Geometric mean of the two principal standard deviations of points: det(covariance)^(1/4). 0 for fewer than three. */
function widthOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const [xx, yy] = [mean(([x]) => (x - mx) ** 2), mean(([, y]) => (y - my) ** 2)];
  const xy = mean(([x, y]) => (x - mx) * (y - my));
  // Rounding may take the determinant of a line below 0.
  return points.length < 3 ? 0 : Math.max(0, xx * yy - xy ** 2) ** 0.25;
}

/** KL(histogram || uniform) in nats; empty cells contribute 0. NaN for a histogram of nothing. */
function divergenceFromUniform(histogram: readonly number[]): number {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return NaN;
  const n = histogram.length;
  // Never below 0, where rounding would take a uniform histogram.
  return Math.max(
    0,
    histogram.reduce((kl, count) => (count ? kl + (count / total) * Math.log((count * n) / total) : kl), 0),
  );
}
