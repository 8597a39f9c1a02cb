/** What a judge's class probabilities say about the variety of samples. */
export interface ClassScores {
  /** Samples that were judged. */
  readonly samples: number;
  /** Share of each class, 0 to 1, by the most probable class of each sample. */
  readonly shares: readonly number[];
  /** The largest of them. */
  readonly largestShare: number;
  /**
   * Classes with at least a tenth of an even share (1 % of the samples for 10 classes): fewer may be other classes that
   * the judge mistakes.
   */
  readonly classesPresent: number;
  /** Share of the samples, 0 to 1, whose most probable class has a probability above 0.9. */
  readonly confident: number;
  /** See {@link inceptionScore}. */
  readonly inceptionScore: number;
}

/** Part of an even share from which on a class counts as present. */
const presence = 0.1;
/** Probability above which the judge counts as sure. */
const sure = 0.9;

/**
 * Class shares, confidence and inception-style score.
 *
 * @param probabilities float32 [n, classes], rows that sum to 1, n >= 1
 */
export function scoreClasses(probabilities: Float32Array, classes: number): ClassScores {
  const samples = rowsOf(probabilities, classes);
  const labels = likeliest(probabilities, classes);
  const counts = new Array<number>(classes).fill(0);
  let confident = 0;
  labels.forEach((label, i) => {
    counts[label]!++;
    if (probabilities[i * classes + label]! > sure) confident++;
  });
  return {
    samples,
    shares: counts.map((count) => count / samples),
    largestShare: Math.max(...counts) / samples,
    classesPresent: counts.filter((count) => count * classes >= presence * samples).length,
    confident: confident / samples,
    inceptionScore: inceptionScore(probabilities, classes),
  };
}

/**
 * exp(mean KL(p(y|x) || p(y))) (Salimans et al. 2016, arXiv 1606.03498, section 4) on the judge's classes, over all
 * samples at once: from 1 (all samples alike, or none recognisable) to the number of classes (each sample certain,
 * all classes equally frequent). Not comparable with scores of the Inception network.
 *
 * @param probabilities float32 [n, classes], rows that sum to 1, n >= 1
 */
export function inceptionScore(probabilities: Float32Array, classes: number): number {
  const samples = rowsOf(probabilities, classes);
  const marginal = new Float64Array(classes);
  probabilities.forEach((p, i) => (marginal[i % classes]! += p / samples));
  // A probability of 0 contributes 0, the limit of p log p.
  const divergence = probabilities.reduce(
    (sum, p, i) => (p > 0 ? sum + (p * Math.log(p / marginal[i % classes]!)) / samples : sum),
    0,
  );
  return Math.exp(Math.max(0, divergence));
}

/**
 * Share of the samples, 0 to 1, for which the judge sees the class that was asked for.
 *
 * @param probabilities float32 [n, classes] @param asked int32 [n], the label each sample was generated for
 */
export function conditionalAccuracy(probabilities: Float32Array, asked: Int32Array, classes: number): number {
  const samples = rowsOf(probabilities, classes);
  if (asked.length !== samples) throw new RangeError(`asked: ${asked.length} labels for ${samples} samples`);
  return likeliest(probabilities, classes).filter((label, i) => label === asked[i]).length / samples;
}

/** The most probable class of each sample, int32 [n]; of equal ones the first. */
export function likeliest(probabilities: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: rowsOf(probabilities, classes) }, (_, i) => {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(Math.max(...row));
  });
}

function rowsOf(probabilities: Float32Array, classes: number): number {
  const rows = probabilities.length / classes;
  if (!Number.isInteger(rows) || rows < 1)
    throw new RangeError(
      `probabilities: ${probabilities.length} numbers, must be 1 or more rows of ${classes}`,
    );
  return rows;
}
