import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed, formatType, normalizeAxis } from '../../../graph-builder/shape.ts';
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

/** The triangle of the last two axes above or below a diagonal; zero elsewhere. */
function trilu(call: Call): Value {
  const x = call.value(0);
  const [rows, columns] = x.shape.slice(-2).map(fixed) as [number, number];
  const diagonal = call.operands[1] ? call.numbers(1)[0]! : 0;
  const isKept = (i: number, j: number) => (call.int('upper', 1) ? j - i >= diagonal : j - i <= diagonal);
  const triangle = Array.from({ length: rows * columns }, (_, at) =>
    Number(isKept(Math.floor(at / columns), at % columns)),
  );
  const kept = call.graph.constant(tensor('bool', triangle, [rows, columns]));
  return x.dtype === 'bool' ? ops.and(x, kept) : ops.where(kept, x, call.graph.scalar(0, x.dtype));
}

function gather(call: Call): Value {
  const x = call.value(0);
  const axis = normalizeAxis(call.int('axis', 0), x.rank);
  const extent = x.shape[axis]!;
  // Known ones that reach too far would be found only when the first step runs.
  for (const index of call.known(1) ? call.numbers(1) : [])
    if (typeof extent === 'number' && (index < -extent || index >= extent))
      refuse(`index ${index} must be in [${-extent}, ${extent - 1}]`);
  return ops.gather(x, indicesOf(call), axis);
}

export const indexings: Lowerings = {
  Gather: gather,
  GatherElements: (call) => ops.gatherElements(call.value(0), indicesOf(call), call.int('axis', 0)),
  GatherND: (call) => {
    if (call.int('batch_dims', 0)) refuse('batch_dims must be 0');
    return ops.gatherND(call.value(0), indicesOf(call));
  },
  Trilu: trilu,
};
