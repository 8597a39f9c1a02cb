import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { normalizeAxis } from '../../../graph-builder/shape.ts';
import type { Lowering, Lowerings } from '../call.ts';

/** Axes are an attribute in older versions and an input in newer; none are all, unless the node says that none is meant. */
const reduction =
  (op: (x: Value, axes: readonly number[] | undefined, keepdims: boolean) => Value): Lowering =>
  (call) => {
    const axes = call.list('axes', 1);
    const none = !axes?.length;
    if (none && call.int('noop_with_empty_axes', 0)) return call.value(0);
    return op(call.value(0), none ? undefined : axes, call.int('keepdims', 1) !== 0);
  };

export const reductions: Lowerings = {
  ReduceSum: reduction(ops.reduceSum),
  ReduceMean: reduction(ops.reduceMean),
  ReduceMax: reduction(ops.reduceMax),
  ReduceMin: reduction(ops.reduceMin),
  ReduceL1: reduction(ops.reduceL1),
  ReduceL2: reduction(ops.reduceL2),
  ReduceSumSquare: reduction(ops.reduceSumSquare),
  ReduceLogSumExp: reduction(ops.reduceLogSumExp),
  ReduceLogSum: reduction((x, axes, keepdims) => ops.log(ops.reduceSum(x, axes, keepdims))),
  ReduceProd: reduction(ops.reduceProd),
  CumSum: (call) => {
    if (call.int('exclusive', 0) || call.int('reverse', 0)) refuse('exclusive and reverse are not imported');
    return ops.cumSum(call.value(0), normalizeAxis(call.numbers(1)[0]!, call.value(0).rank));
  },
};
