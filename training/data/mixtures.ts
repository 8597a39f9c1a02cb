import type { Dataset } from './dataset.ts';
import { hashIntegers } from './integer-hash.ts';

/** A mixture of equally likely, round 2-D Gaussians. */
export interface Mixture {
  readonly name: string;
  /** One [x, y] a mode; a point's label is its mode's index here. */
  readonly centres: readonly (readonly [number, number])[];
  /** Standard deviation along each axis, the same for every mode. */
  readonly std: number;
}

/** Points in each mixture's data set. */
export const MIXTURE_POINTS = 100_000;

/** 8 modes on the unit circle at angles 2 pi i / 8, std 0.01 (PacGAN, arXiv 1712.04086). */
export const ring8: Mixture = {
  name: 'ring8',
  centres: Array.from({ length: 8 }, (_, i) => {
    const angle = (2 * Math.PI * i) / 8;
    return [Math.cos(angle), Math.sin(angle)] as const;
  }),
  std: 0.01,
};

/** 25 modes on the grid {-4, -2, 0, 2, 4} squared, std 0.05 (PacGAN, arXiv 1712.04086). */
export const grid25: Mixture = {
  name: 'grid25',
  centres: Array.from({ length: 25 }, (_, i) => [-4 + 2 * Math.floor(i / 5), -4 + 2 * (i % 5)] as const),
  std: 0.05,
};

/** The built-in mixtures by the name a user gives. */
export const mixtures: ReadonlyMap<string, Mixture> = new Map([ring8, grid25].map((m) => [m.name, m]));

const SEED = 1712_04086;

/** 100,000 points of `mixture`, float32 [2] each, the same on every call; every mode has the same share. */
export function mixtureDataset(mixture: Mixture): Dataset {
  const { centres, std } = mixture;
  const data = new Float32Array(2 * MIXTURE_POINTS);
  const labels = new Int32Array(MIXTURE_POINTS);
  for (let i = 0; i < MIXTURE_POINTS; i++) {
    const mode = i % centres.length;
    const [x, y] = centres[mode]!;
    // Box-Muller: two uniform numbers make two independent Gaussian ones. The first must not be 0.
    const radius = std * Math.sqrt(-2 * Math.log((hashIntegers(SEED, i, 0) + 1) / 2 ** 32));
    const angle = (2 * Math.PI * hashIntegers(SEED, i, 1)) / 2 ** 32;
    data[2 * i] = x + radius * Math.cos(angle);
    data[2 * i + 1] = y + radius * Math.sin(angle);
    labels[i] = mode;
  }
  return {
    name: mixture.name,
    kind: 'points',
    count: MIXTURE_POINTS,
    sampleShape: [2],
    dtype: 'float32',
    classes: centres.map((_, i) => `mode ${i}`),
    labels,
    skipped: [],
    data,
  };
}
