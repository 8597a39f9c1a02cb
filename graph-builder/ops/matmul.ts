import { refuse } from '../errors.ts';
import type { Value } from '../graph.ts';
import { broadcastShapes, formatShape, sameShape } from '../shape.ts';
import { mul } from './elementwise.ts';
import { transpose } from './movement.ts';
import { emitOne, expectDType, expectRank, floats } from './op.ts';
import type { NoAttributes, OpDef } from './op.ts';

/** [..., m, k] x [..., k, n] -> [..., m, n]; leading axes broadcast. dA = dY B^T, dB = A^T dY. */
export const MatMul: OpDef<NoAttributes> = {
  type: 'MatMul',
  infer: ([a, b]) => {
    expectDType('a', a!, floats);
    expectDType('b', b!, [a!.dtype]);
    if (a!.rank < 2 || b!.rank < 2)
      refuse(`operands ${formatShape(a!.shape)} and ${formatShape(b!.shape)} must have rank >= 2`);
    const [m, k] = a!.shape.slice(-2);
    const [k2, n] = b!.shape.slice(-2);
    if (k !== k2)
      refuse(
        `inner extents of ${formatShape(a!.shape)} and ${formatShape(b!.shape)} must match: ${k} against ${k2}`,
      );
    return [
      { dtype: a!.dtype, shape: [...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m!, n!] },
    ];
  },
  gradient: ({ inputs: [a, b], dy }) => [
    () => matmul(dy, transposeLast(b!)),
    () => matmul(transposeLast(a!), dy),
  ],
};

/** [..., m, n] -> [..., n, m] */
export function transposeLast(x: Value): Value {
  const axes = x.shape.map((_, i) => i);
  const r = x.rank;
  return transpose(x, [...axes.slice(0, -2), r - 1, r - 2]);
}

export interface GemmAttributes {
  readonly alpha?: number | undefined;
  readonly beta?: number | undefined;
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Y = alpha op(A) op(B) + beta C for matrices; op transposes where asked, C broadcasts. */
export const Gemm: OpDef<GemmAttributes> = {
  type: 'Gemm',
  infer: ([a, b, c], { transA, transB }) => {
    expectRank('a', a!, 2);
    expectRank('b', b!, 2);
    expectDType('a', a!, floats);
    expectDType('b', b!, [a!.dtype]);
    const [m, k] = transA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [k2, n] = transB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    if (k !== k2)
      refuse(
        `inner extents of ${formatShape(a!.shape)}${transA ? '^T' : ''} and ${formatShape(b!.shape)}${transB ? '^T' : ''} must match: ${k} against ${k2}`,
      );
    if (c) expectDType('c', c, [a!.dtype]);
    if (c && !sameShape(broadcastShapes(c.shape, [m, n]), [m, n]))
      refuse(`c ${formatShape(c.shape)} does not broadcast to ${formatShape([m, n])}`);
    return [{ dtype: a!.dtype, shape: [m, n] }];
  },
  gradient: ({ inputs: [a, b], attributes: { alpha, beta = 1, transA, transB }, dy }) => [
    () =>
      transA
        ? gemm(b!, dy, { alpha, transA: transB, transB: true })
        : gemm(dy, b!, { alpha, transB: !transB }),
    () =>
      transB
        ? gemm(dy, a!, { alpha, transA: true, transB: transA })
        : gemm(a!, dy, { alpha, transA: !transA }),
    () => (beta === 1 ? dy : mul(dy, beta)),
  ],
};

export const matmul = (a: Value, b: Value): Value => emitOne(MatMul, [a, b], {});

export function gemm(
  a: Value,
  b: Value,
  options: Partial<GemmAttributes> & { readonly c?: Value } = {},
): Value {
  const { c, alpha, beta, transA = false, transB = false } = options;
  return emitOne(Gemm, c ? [a, b, c] : [a, b], { alpha, beta, transA, transB });
}
