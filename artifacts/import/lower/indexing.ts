import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { formatType, normalizeAxis } from '../../../graph-builder/shape.ts';
import { tensor } from '../../../graph-builder/types.ts';
import type { Call, Lowerings } from '../call.ts';

function indicesOf(call: Call): Value {
  const known = call.known(1);
  if (known) {
    const numbers = call.numbers(1);
    return call.graph.constant(tensor('int64', numbers, known.shape));
  }
  const indices = call.value(1);
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64')
    refuse(`indices ${formatType(indices)} must be integers`);
  return indices;
}

export const indexings: Lowerings = {
  Gather: (call) =>
    ops.gather(call.value(0), indicesOf(call), normalizeAxis(call.int('axis', 0), call.value(0).rank)),
  GatherElements: (call) => ops.gatherElements(call.value(0), indicesOf(call), call.int('axis', 0)),
  GatherND: (call) => {
    if (call.int('batch_dims', 0)) refuse('batch_dims must be 0');
    return ops.gatherND(call.value(0), indicesOf(call));
  },
};
