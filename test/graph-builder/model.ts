import * as ort from 'onnxruntime-node';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import type { Graph } from '../../graph-builder/graph.ts';
import type { Target } from '../../graph-builder/ops/op.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { sizeOf } from '../../graph-builder/shape.ts';
import type { Shape } from '../../graph-builder/types.ts';
import { cudaOnCpu } from './cuda-on-cpu.ts';
import { halvesOnCpu } from './halves-on-cpu.ts';

export type Feeds = Readonly<Record<string, ArrayLike<number>>>;
export type Results = Readonly<Record<string, ArrayLike<number>>>;

/** A graph loaded into onnxruntime: float32 inputs, outputs as plain numbers. */
export class Model {
  readonly #session: ort.InferenceSession;
  readonly #shapes: ReadonlyMap<string, Shape>;

  private constructor(session: ort.InferenceSession, shapes: ReadonlyMap<string, Shape>) {
    this.#session = session;
    this.#shapes = shapes;
  }

  /** Without a target the graph is loaded as it is. */
  static async load(graph: Graph, target?: Target): Promise<Model> {
    const bytes = encodeModel(halvesOnCpu(cudaOnCpu(target ? compile(graph, target) : graph)));
    const session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    return new Model(session, new Map(graph.inputs.map(({ name, shape }) => [name!, shape])));
  }

  async run(feeds: Feeds): Promise<Results> {
    const tensors = Object.entries(feeds).map(([name, data]) => [
      name,
      new ort.Tensor('float32', Float32Array.from(data), bound(this.#shapes.get(name)!, data.length)),
    ]);
    const results = await this.#session.run(Object.fromEntries(tensors) as Record<string, ort.Tensor>);
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [
        name,
        Float64Array.from(data as ArrayLike<number | bigint>, Number),
      ]),
    );
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** The shape of so many elements; its first extent may be a symbol. */
function bound([first, ...rest]: Shape, elements: number): number[] {
  if (first === undefined) return [];
  return [typeof first === 'number' ? first : elements / sizeOf(rest), ...rest.map(Number)];
}

/** Loads a graph, runs it once, lets it go. */
export async function evaluate(graph: Graph, feeds: Feeds = {}, target?: Target): Promise<Results> {
  const model = await Model.load(graph, target);
  try {
    return await model.run(feeds);
  } finally {
    await model.release();
  }
}

/** An integer in [0, 2^32) that looks random; the same for the same arguments. */
export function hash(...words: readonly number[]): number {
  let h = 0x9e3779b9;
  for (const word of words) {
    h = Math.imul(h ^ word, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

/** Non-zero eighths in [-1, 1]: a step of a power of two along them is exact in float32. */
export function direction(length: number, salt: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => {
    const eighths = (hash(salt, i) % 16) - 8;
    return (eighths >= 0 ? eighths + 1 : eighths) / 8;
  });
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Size that a sum of `a[i] b[i]` has when the signs of its terms are random. */
export function spread(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! * b[i]!) ** 2;
  return Math.sqrt(sum);
}

/** `x + t d` */
export const moved = (x: ArrayLike<number>, d: ArrayLike<number>, t: number): Float64Array =>
  Float64Array.from({ length: x.length }, (_, i) => x[i]! + t * d[i]!);

/** Where a central difference with step `h`, extrapolated, looks at a function. */
export const stencil = (h: number): readonly number[] => [h, -h, h / 2, -h / 2];

/** The derivative by central differences with steps h and h/2, extrapolated (Richardson): exact to degree 4. */
export function derivative([a, b, c, d]: readonly number[], h: number): number {
  const coarse = (a! - b!) / (2 * h);
  const fine = (c! - d!) / h;
  return (4 * fine - coarse) / 3;
}

/** Fixed numbers for every input of a graph. */
export const feedsOf = (graph: Graph): Feeds =>
  Object.fromEntries(graph.inputs.map(({ name, shape }, i) => [name!, direction(sizeOf(shape), 40 + i)]));

/** The operators of a graph, in their order. */
export const types = (graph: Graph): string[] => graph.nodes.map(({ op }) => op.type);

/** How many nodes of a type a graph has. */
export const count = (graph: Graph, type: string): number =>
  types(graph).filter((each) => each === type).length;

/** The largest difference of each output from `expected`, against its size; that of the worst. */
export function difference(actual: Results, expected: Results): number {
  const names = Object.keys(expected);
  if (String(Object.keys(actual)) !== String(names)) throw new Error('outputs differ by name');
  return Math.max(
    ...names.map((name) => {
      const [a, e] = [actual[name]!, expected[name]!];
      if (a.length !== e.length) throw new Error(`${name}: ${a.length} elements, expected ${e.length}`);
      const largest = (value: (i: number) => number) =>
        Array.from(e, (_, i) => Math.abs(value(i))).reduce((most, each) => Math.max(most, each), 0);
      return (
        largest((i) => e[i]! - a[i]!) /
        Math.max(
          1e-3,
          largest((i) => e[i]!),
        )
      );
    }),
  );
}
