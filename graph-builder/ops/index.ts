// The functions that add a node to a graph, each named as ONNX names its operator where there is one.

export { erf, gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from './activation.ts';
export { and, equal, greater, greaterOrEqual, less, lessOrEqual, not } from './comparison.ts';
export { loop } from './control.ts';
export { conv, convTranspose } from './convolution.ts';
export {
  abs,
  add,
  cast,
  clip,
  cos,
  div,
  exp,
  floor,
  log,
  max,
  min,
  mul,
  neg,
  pow,
  reciprocal,
  sign,
  sin,
  sqrt,
  square,
  sub,
  where,
} from './elementwise.ts';
export { gather, gatherElements, gatherND, padWith, scatterElements, scatterND } from './indexing.ts';
export { gemm, matmul } from './matmul.ts';
export {
  concat,
  depthToSpace,
  detach,
  expand,
  identity,
  pad,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
  zerosLike,
} from './movement.ts';
export { batchNormalization, batchNormTraining, logSoftmax, normalize, softmax } from './normalization.ts';
export type { Operand } from './op.ts';
export { averagePool, globalAveragePool, upsampleNearest } from './pooling.ts';
export {
  cumSum,
  reduceL1,
  reduceL2,
  reduceLogSumExp,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
  reduceSumSquare,
  tile,
} from './reduction.ts';
