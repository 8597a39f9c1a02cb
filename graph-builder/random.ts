import { GraphError, inNameOf } from './errors.ts';
import type { Graph, Value } from './graph.ts';
import { multipliers, normalTable, streamKey } from './hash.ts';
import { greater, greaterOrEqual, less } from './ops/comparison.ts';
import { add, cast, div, mul, sub } from './ops/elementwise.ts';
import { gather } from './ops/indexing.ts';
import { expand, reshape, slice } from './ops/movement.ts';
import { cumSum } from './ops/reduction.ts';
import { fixed, sizeOf } from './shape.ts';
import type { Shape, Tensor } from './types.ts';
import { tensor } from './types.ts';

const { c0, c1, c2, c3 } = multipliers;

/** What all streams of a graph come from. */
interface Source {
  readonly graph: Graph;
  /** Key of (seed, step), int32 [2]. */
  readonly base: Value;
  readonly used: Set<string>;
  table?: Value;
}

/**
 * Random tensors as ordinary operators: the generator of `hash.ts`, keyed by (seed, step, stream).
 *
 * ONNX's own random operators cannot be resumed, differ between providers and are missing from some; these give the
 * same bits everywhere. A stream is named by who draws from it, so switching one consumer off changes no other.
 */
export class RandomStreams {
  readonly #source: Source;
  readonly #prefix: string;

  private constructor(source: Source, prefix: string) {
    this.#source = source;
    this.#prefix = prefix;
  }

  /** @param seed int32 [] @param step int32 [] */
  static of(graph: Graph, seed: Value, step: Value): RandomStreams {
    const base = graph.scope('random', () => {
      const pair = (a: number, b: number) => graph.constant(tensor('int32', [a, b]));
      const fromSeed = mix(add(mul(seed, pair(c0, c1)), pair(c2, c0)));
      return mul(mix(add(fromSeed, mul(step, pair(c1, c2)))), c3);
    });
    return new RandomStreams({ graph, base, used: new Set() }, '');
  }

  /** The same source with streams of its own: every name is preceded by `prefix`. */
  within(prefix: string): RandomStreams {
    return new RandomStreams(this.#source, `${this.#prefix}${prefix}/`);
  }

  /** 32 uniform bits an element, int32. The first extent may be symbolic. */
  bits(stream: string, shape: Shape): Value {
    const { graph, base, used } = this.#source;
    const name = this.#prefix + stream;
    if (used.has(name)) throw new GraphError('random', `stream "${name}" must be drawn from once`);
    const columns = inNameOf('random', graph.scopePath, () => sizeOf(shape.slice(1)));
    used.add(name);
    return graph.scope('random', () => {
      const key = add(base, graph.constant(tensor('int32', streamKey(name))));
      const [k0, k1] = [slice(key, { 0: [0, 1] }), slice(key, { 0: [1, 2] })];
      // Element i starts from i c0 + k0, as an outer sum of rows and columns.
      const column = graph.constant(ramp(columns, c0));
      const counters = add(add(this.#rows(shape, Math.imul(columns, c0)), k0), reshape(column, [1, columns]));
      const mixed = mul(mix(add(mix(counters), k1)), c2);
      return reshape(mixed, shape);
    });
  }

  /** [rows, 1] with row i at i stride */
  #rows(shape: Shape, stride: number): Value {
    const { graph } = this.#source;
    const rows = shape[0] ?? 1;
    if (typeof rows === 'number') return graph.constant({ ...ramp(rows, stride), shape: [rows, 1] });
    const ones = expand(graph.scalar(1, 'int32'), [rows, 1]);
    return mul(sub(cumSum(ones, 0), 1), stride);
  }

  /** Uniform in (0, 1), 24 bits. */
  uniform(stream: string, shape: Shape): Value {
    const bits = this.bits(stream, shape);
    return add(mul(cast(div(bits, 256), 'float32'), 2 ** -24), 0.5);
  }

  /** Standard normal, from a table of 2^14 quantiles: no transcendental function that a provider could round its own way. */
  normal(stream: string, shape: Shape): Value {
    const bits = this.bits(stream, shape);
    const source = this.#source;
    source.table ??= source.graph.constant(tensor('float32', normalTable()), 'random/normal-table');
    return gather(source.table, div(add(div(bits, 2), 2 ** 30), 2 ** 17));
  }

  /** 1 with probability `keep`, else 0, float32. */
  mask(stream: string, shape: Shape, keep: number): Value {
    if (!(keep >= 0 && keep <= 1)) throw new GraphError('random', `probability ${keep} must be in [0, 1]`);
    const threshold = Math.round((1 - keep) * 2 ** 32 - 2 ** 31);
    const bits = this.bits(stream, shape);
    // A threshold of 2^31 (keep = 0) does not fit an int32: nothing exceeds the largest one.
    const kept = threshold >= 2 ** 31 ? greater(bits, 2 ** 31 - 1) : greaterOrEqual(bits, threshold);
    return cast(kept, 'float32');
  }

  /** The same with a probability that may change from step to step: float32 [], of being 1. */
  event(stream: string, shape: Shape, probability: Value): Value {
    return cast(less(this.uniform(stream, shape), probability), 'float32');
  }

  /** Uniform integers in [0, count), int32; count below 2^24. */
  index(stream: string, shape: Shape, count: number): Value {
    return cast(mul(this.uniform(stream, shape), fixed(count)), 'int32');
  }
}

function mix(x: Value): Value {
  const product = mul(x, add(add(x, x), 1));
  return sub(product, div(product, 32768));
}

/** i stride for i in [0, length), wrapping as int32 */
function ramp(length: number, stride: number): Tensor {
  return {
    dtype: 'int32',
    shape: [length],
    data: Int32Array.from({ length }, (_, i) => Math.imul(i, stride)),
  };
}
