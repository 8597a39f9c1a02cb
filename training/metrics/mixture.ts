import type { Mixture } from '../data/mixtures.ts';

/** Points that PacGAN generates for its figures; compare figures of one sample count only. */
export const mixtureSamples = 2500;

/** A point farther than this many standard deviations from every mode is of low quality. */
const qualityRadius = 3;

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
  /** High-quality points nearest to each mode, in the order of `mixture.centres`. */
  readonly histogram: readonly number[];
}

/**
 * The figures of PacGAN (Lin et al. 2018, arXiv 1712.04086, section 4.1) for points of a 2-D mixture. The mixture's
 * own points score 1 - e^(-9/2) = 0.989 high quality and a reverse KL of about (n - 1) / (2 N).
 *
 * @param points float32 [N, 2] in the data's own units; 2,500 of them for figures to compare
 * @throws RangeError where there is no point or half a point
 */
export function scoreMixture(points: Float32Array, { centres, std }: Mixture): MixtureScores {
  if (points.length === 0 || points.length % 2 !== 0)
    throw new RangeError(`points: ${points.length} numbers, must be 2 for each of 1 or more points`);
  const samples = points.length / 2;
  const histogram = new Array<number>(centres.length).fill(0);
  let nonFinite = 0;
  for (let i = 0; i < samples; i++) {
    const [x, y] = [points[2 * i]!, points[2 * i + 1]!];
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      nonFinite++;
      continue;
    }
    const distances = centres.map(([cx, cy]) => Math.hypot(x - cx, y - cy));
    const distance = Math.min(...distances);
    if (distance < qualityRadius * std) histogram[distances.indexOf(distance)]!++;
  }
  const good = histogram.reduce((sum, count) => sum + count, 0);
  return {
    samples,
    nonFinite,
    highQuality: good / samples,
    modes: histogram.filter((count) => count > 0).length,
    reverseKl: divergenceFromUniform(histogram),
    histogram,
  };
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
