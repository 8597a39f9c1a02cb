/** Eigenvalues, and eigenvectors as the columns of a row-major n x n matrix. */
export interface SymmetricEigen {
  readonly values: Float64Array;
  readonly vectors: Float64Array;
}

/** More than ten are hardly ever needed; a matrix that holds NaN ends here. */
const maximalSweeps = 50;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan, Matrix
 * Computations, 8.5), which need no special case for a singular one. An eigenvalue is off by some 1e-16 of the
 * largest. Cost O(n^3) a sweep: some 20 ms in all for n = 64.
 *
 * @param matrix row-major [n, n]; the upper triangle is read
 */
export function symmetricEigen(matrix: Float64Array, n: number): SymmetricEigen {
  if (matrix.length !== n * n) throw new RangeError(`matrix: ${matrix.length} numbers, must be ${n} x ${n}`);
  const a = matrix.slice();
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) a[i * n + j] = a[j * n + i]!;
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;

  const negligible = Number.EPSILON * Math.hypot(...a);
  for (let sweep = 0; sweep < maximalSweeps; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++)
      for (let q = p + 1; q < n; q++) {
        const [app, aqq, apq] = [a[p * n + p]!, a[q * n + q]!, a[p * n + q]!];
        if (Math.abs(apq) <= negligible) continue;
        rotated = true;
        // The smaller of the two angles that zero a[p, q].
        const theta = (aqq - app) / (2 * apq);
        const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const cosine = 1 / Math.hypot(tangent, 1);
        rotateColumns(a, n, p, q, cosine, tangent * cosine);
        rotateRows(a, n, p, q, cosine, tangent * cosine);
        rotateColumns(vectors, n, p, q, cosine, tangent * cosine);
        a[p * n + q] = a[q * n + p] = 0;
      }
    if (!rotated) break;
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]!), vectors };
}

/** Columns p and q become c p - s q and s p + c q. */
function rotateColumns(a: Float64Array, n: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) rotatePair(a, k * n + p, k * n + q, c, s);
}

function rotateRows(a: Float64Array, n: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) rotatePair(a, p * n + k, q * n + k, c, s);
}

function rotatePair(a: Float64Array, i: number, j: number, c: number, s: number): void {
  const [x, y] = [a[i]!, a[j]!];
  a[i] = c * x - s * y;
  a[j] = s * x + c * y;
}
