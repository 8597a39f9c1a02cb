/** A matrix by rows. */
export type Matrix = readonly (readonly number[])[];

/**
 * Matrices of the fewest multiplications for a correlation in one dimension (Winograd 1980; Lavin and Gray 2016, for
 * convolutional networks): m outputs of a filter of r taps take n = m + r - 1 products instead of m r,
 *
 *     output ((filter g) * (input d)),   d of n elements, g of r, * element by element.
 *
 * In two dimensions each is the Kronecker product of its two axes'.
 */
export interface Winograd {
  /** [n, r] */
  readonly filter: Matrix;
  /** [n, n] */
  readonly input: Matrix;
  /** [m, n] */
  readonly output: Matrix;
}

/** Small fractions, which keep what rounding adds low; the last point is infinity. */
const points = [0, 1, -1, 2, -1 / 2];

/** Products that there are points for. */
export const mostProducts = points.length + 1;

/**
 * By Toom and Cook's way of multiplying polynomials, transposed: to multiply two of them, evaluate both at n points and
 * interpolate the products. The correlation is what carries an output back through the interpolation.
 *
 * In float32 the result is off by 1e-6 of its root mean square for four outputs, by half of that for fewer; a direct
 * sum of 2,048 terms by 3e-7.
 */
export function winograd(outputs: number, taps: number): Winograd {
  const products = outputs + taps - 1;
  const finite = points.slice(0, products - 1);
  const evaluation = (terms: number): number[][] => [
    ...finite.map((point) => Array.from({ length: terms }, (_, power) => point ** power)),
    Array.from({ length: terms }, (_, power) => (power === terms - 1 ? 1 : 0)),
  ];
  const lagrange = finite.map((point) => {
    const others = finite.filter((other) => other !== point);
    const scale = others.reduce((product, other) => product * (point - other), 1);
    return [...polynomial(others).map((coefficient) => coefficient / scale), 0];
  });
  return {
    filter: evaluation(taps),
    input: [...lagrange, polynomial(finite)],
    output: transposed(evaluation(outputs)),
  };
}

/** Coefficients of the monic polynomial with these roots, that of the lowest power first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>(
    (coefficients, root) =>
      [0, ...coefficients].map((shifted, power) => shifted - root * (coefficients[power] ?? 0)),
    [1],
  );

export const transposed = (matrix: Matrix): number[][] =>
  matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));

/** [a, b] x [c, d] -> [a c, b d] */
export const kronecker = (a: Matrix, b: Matrix): number[][] =>
  a.flatMap((rowOfA) => b.map((rowOfB) => rowOfA.flatMap((x) => rowOfB.map((y) => x * y))));
