import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import type { Lowerings } from '../call.ts';

/** A vector is a row on the left and a column on the right, and is gone from the result. */
function matmul(a: Value, b: Value): Value {
  const left = a.rank === 1 ? ops.reshape(a, [1, ...a.shape]) : a;
  const right = b.rank === 1 ? ops.reshape(b, [...b.shape, 1]) : b;
  const y = ops.matmul(left, right);
  const shape = [
    ...y.shape.slice(0, -2),
    ...(a.rank === 1 ? [] : [y.shape.at(-2)!]),
    ...(b.rank === 1 ? [] : [y.shape.at(-1)!]),
  ];
  return ops.reshape(y, shape);
}

export const products: Lowerings = {
  MatMul: (call) => matmul(call.value(0), call.value(1)),
  Gemm: (call) => {
    const c = call.optional(2);
    return ops.gemm(call.value(0), call.value(1), {
      alpha: call.float('alpha', 1),
      beta: call.float('beta', 1),
      transA: call.int('transA', 0) !== 0,
      transB: call.int('transB', 0) !== 0,
      ...(c ? { c } : {}),
    });
  },
};
