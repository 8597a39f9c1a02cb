import { gemm, matmul } from '../../../graph-builder/ops/matmul.ts';
import { any, linear } from './case.ts';
import type { Case } from './case.ts';

export const products: readonly Case[] = [
  ...(
    [
      ['matrices', [2, 3], [3, 4]],
      ['batch', [2, 2, 3], [2, 3, 4]],
      ['batch left', [2, 2, 3], [3, 4]],
      ['batch right', [2, 3], [2, 3, 4]],
      ['broadcast batches', [2, 1, 2, 3], [1, 3, 3, 2]],
      ['one to a batch', [1, 2, 3], [4, 3, 2]],
      ['row and column', [1, 3], [3, 1]],
    ] as const
  ).map(([name, a, b]): Case => ({
    op: 'MatMul',
    name,
    inputs: [any(...a), any(...b)],
    build: matmul,
    ...linear,
  })),
  { op: 'MatMul', name: 'with itself', inputs: [any(3, 3)], build: (x) => matmul(x, matmul(x, x)) },
  ...[false, true].flatMap((transA) =>
    [false, true].flatMap((transB): Case[] => {
      const a = () => (transA ? any(3, 2) : any(2, 3));
      const b = () => (transB ? any(4, 3) : any(3, 4));
      const name = `${transA ? 'A^T' : 'A'} ${transB ? 'B^T' : 'B'}`;
      return [
        { op: 'Gemm', name, inputs: [a(), b()], build: (x, y) => gemm(x, y, { transA, transB }), ...linear },
        ...[[4], [], [2, 1], [1, 4], [2, 4], [1]].map((c): Case => ({
          op: 'Gemm',
          name: `${name}, alpha and beta, C [${c.join()}]`,
          inputs: [a(), b(), any(...c)],
          build: (x, y, z) => gemm(x, y, { transA, transB, alpha: 0.75, beta: -1.5, c: z }),
          ...linear,
        })),
      ];
    }),
  ),
];
