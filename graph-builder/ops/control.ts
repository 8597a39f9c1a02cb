import { Graph, emit, type Value } from '../graph.ts';
import { refuse } from '../errors.ts';
import { formatType, sameShape } from '../shape.ts';
import type { Dim } from '../types.ts';
import type { OpDef } from './op.ts';

export interface LoopAttributes {
  /**
   * Inputs: iteration (int64 scalar), condition (bool scalar), then the carried values.
   * Outputs: condition, the carried values, then one value an iteration that is stacked.
   */
  readonly body: Graph;
}

/** Inputs: trip count (int64 scalar), condition (may be absent), initial carried values. */
export const Loop: OpDef<LoopAttributes> = {
  type: 'Loop',
  infer: ([trips, , ...initial], { body }) => {
    if (trips!.dtype !== 'int64' || trips!.rank !== 0)
      refuse(`trip count ${formatType(trips!)} must be int64[]`);
    const carried = body.inputs.slice(2);
    if (carried.length !== initial.length)
      refuse(`${initial.length} initial values for ${carried.length} carried ones`);
    const finals = body.outputs.slice(1, 1 + carried.length);
    carried.forEach((input, i) => {
      for (const [what, value] of [
        ['initial value', initial[i]!],
        ['next value', finals[i]!.value],
      ] as const)
        if (value.dtype !== input.dtype || !sameShape(value.shape, input.shape))
          refuse(`${what} ${formatType(value)} of "${input.name}" must be ${formatType(input)}`);
    });
    const stacked: Dim = 'K';
    return [
      ...finals.map(({ value }) => ({ dtype: value.dtype, shape: value.shape })),
      ...body.outputs.slice(1 + carried.length).map(({ value }) => ({
        dtype: value.dtype,
        shape: [stacked, ...value.shape],
      })),
    ];
  },
  gradient: { notDifferentiable: 'a loop is a training program, not a network' },
};

/** Runs `body` `trips` times; returns the final carried values, then the stacked ones. */
export function loop(trips: Value, body: Graph, initial: readonly Value[]): readonly Value[] {
  return emit(Loop, [trips, undefined, ...initial], { body });
}
