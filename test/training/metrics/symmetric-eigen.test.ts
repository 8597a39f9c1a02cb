import { describe, expect, it } from 'vitest';
import { normals } from '../../../graph-builder/hash.ts';
import { symmetricEigen } from '../../../training/metrics/symmetric-eigen.ts';

const sorted = (values: Float64Array) => [...values].sort((a, b) => a - b);

/** Largest |A v - lambda v| and |V^T V - 1| over all entries. */
function residual(matrix: Float64Array, n: number) {
  const { values, vectors } = symmetricEigen(matrix, n);
  let [equation, orthogonality] = [0, 0];
  for (let column = 0; column < n; column++)
    for (let row = 0; row < n; row++) {
      let [product, overlap] = [0, 0];
      for (let k = 0; k < n; k++) {
        product += matrix[row * n + k]! * vectors[k * n + column]!;
        overlap += vectors[k * n + row]! * vectors[k * n + column]!;
      }
      equation = Math.max(equation, Math.abs(product - values[column]! * vectors[row * n + column]!));
      orthogonality = Math.max(orthogonality, Math.abs(overlap - (row === column ? 1 : 0)));
    }
  return { equation, orthogonality };
}

describe('symmetricEigen', () => {
  it('solves a 2 x 2 matrix', () => {
    expect(sorted(symmetricEigen(Float64Array.of(2, 1, 1, 2), 2).values)).toEqual(
      [1, 3].map((v) => expect.closeTo(v, 14) as number),
    );
  });

  it('finds the known eigenvalues 2 - 2 cos(k pi / (n + 1)) of second differences', () => {
    const n = 20;
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      matrix[i * n + i] = 2;
      if (i + 1 < n) matrix[i * n + i + 1] = matrix[(i + 1) * n + i] = -1;
    }
    const { values } = symmetricEigen(matrix, n);
    sorted(values).forEach((value, k) => {
      expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / (n + 1)), 12);
    });
  });

  it('solves a full matrix of 64 x 64', () => {
    const n = 64;
    const random = normals(1, 0, 'matrix', n * n);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) matrix[i * n + j] = random[i * n + j]! + random[j * n + i]!;
    const { equation, orthogonality } = residual(matrix, n);
    expect(equation).toBeLessThan(1e-12);
    expect(orthogonality).toBeLessThan(1e-12);
  });

  it('solves a singular matrix: one direction, 9 times', () => {
    const u = [1, 2, 2];
    const matrix = Float64Array.from(u.flatMap((a) => u.map((b) => a * b)));
    const values = sorted(symmetricEigen(matrix, 3).values);
    expect(values[2]).toBeCloseTo(9, 13);
    expect(Math.abs(values[0]!) + Math.abs(values[1]!)).toBeLessThan(1e-14);
    expect(residual(matrix, 3).equation).toBeLessThan(1e-13);
  });

  it('leaves a diagonal matrix and its input alone', () => {
    const matrix = Float64Array.of(3, 0, 0, -1);
    const { values, vectors } = symmetricEigen(matrix, 2);
    expect([...values]).toEqual([3, -1]);
    expect([...vectors]).toEqual([1, 0, 0, 1]);
    expect([...matrix]).toEqual([3, 0, 0, -1]);
  });

  it('refuses a matrix that is not n x n', () => {
    expect(() => symmetricEigen(new Float64Array(6), 3)).toThrow('matrix: 6 numbers, must be 3 x 3');
  });
});
