import { Graph } from '../../../graph-builder/graph.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import { RandomStreams } from '../../../graph-builder/random.ts';
import type { DType, Shape } from '../../../graph-builder/types.ts';
import { tensor } from '../../../graph-builder/types.ts';

/** Inputs of one graph, made where they are needed. */
export class Sketch {
  readonly graph = new Graph('sketch');
  x(...shape: Shape): Value {
    return this.of('float32', shape);
  }
  of(dtype: DType, shape: Shape): Value {
    return this.graph.input(`x${this.graph.inputs.length}`, dtype, shape);
  }
  indices(...values: number[]): Value {
    return this.graph.constant(tensor('int64', values));
  }
}

export type Build = (s: Sketch) => unknown;

/** Streams with seed and step of their own. */
export const streamsOf = (s: Sketch) => RandomStreams.of(s.graph, s.of('int32', []), s.of('int32', []));
