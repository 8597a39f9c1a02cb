import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { decodeSafetensors } from '../../artifacts/safetensors.ts';
import type { Graph } from '../../graph-builder/graph.ts';
import { initialize } from '../../graph-builder/initializer.ts';
import type { Target } from '../../graph-builder/ops/op.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';
import { cudaOnCpu } from '../graph-builder/cuda-on-cpu.ts';
import { halvesOnCpu } from '../graph-builder/halves-on-cpu.ts';

export type Driver = 'loop' | 'step';
export type State = ReadonlyMap<string, Tensor>;

/** What training needs besides the state. */
export interface Batches {
  readonly seed: number;
  /** [K, N, ...sample] */
  readonly real: Tensor;
  /** int32 [K, N], for a program that trains on labels */
  readonly labels?: Tensor;
}

export interface Trained {
  readonly state: State;
  /** One row of telemetry a step. */
  readonly telemetry: readonly Float32Array[];
}

export const initialState = (program: TrainingProgram, seed: number): State =>
  new Map(program.state.map((spec) => [spec.name, initialize(spec, seed)]));

/** Steps `from` to `to` of a tensor [K, ...]. */
export function rows({ dtype, shape, data }: Tensor, from: number, to: number): Tensor {
  const size = data.length / shape[0]!;
  return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * size, to * size) };
}

/** Controls of steps `from` to `to`: [to - from, C]. */
export function controlRows({ controls }: TrainingProgram, from: number, to: number): Tensor {
  const values = Array.from({ length: to - from }, (_, k) => controls.map((c) => c.at(from + k)));
  return tensor('float32', values.flat(), [to - from, controls.length]);
}

/** A training graph on onnxruntime's CPU provider. */
export class TrainingModel {
  readonly program: TrainingProgram;
  readonly driver: Driver;
  readonly bytes: Uint8Array;
  readonly #session: ort.InferenceSession;

  private constructor(
    program: TrainingProgram,
    driver: Driver,
    bytes: Uint8Array,
    session: ort.InferenceSession,
  ) {
    this.program = program;
    this.driver = driver;
    this.bytes = bytes;
    this.#session = session;
  }

  /** @param rewrite applied to the graph before it is compiled */
  static async load(
    program: TrainingProgram,
    target: Target,
    driver: Driver,
    rewrite = (graph: Graph): Graph => graph,
  ): Promise<TrainingModel> {
    const graph = driver === 'loop' ? program.loopGraph() : program.stepGraph();
    const bytes = encodeModel(halvesOnCpu(cudaOnCpu(compile(rewrite(graph), target))));
    const session = await ort.InferenceSession.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    return new TrainingModel(program, driver, bytes, session);
  }

  /** Inputs of the run that does steps `from` to `to`; the step driver does one. */
  feeds(state: State, { seed, real, labels }: Batches, from: number, to: number): Map<string, Tensor> {
    const dropLeading = (value: Tensor): Tensor =>
      this.driver === 'loop' ? value : { ...value, shape: value.shape.slice(1) };
    return new Map([
      ...state,
      ['real', dropLeading(rows(real, from, to))],
      ...(labels ? [['labels', dropLeading(rows(labels, from, to))] as const] : []),
      ['controls', dropLeading(controlRows(this.program, from, to))],
      ['seed', tensor('int32', [seed], [])],
      ['step', tensor('int32', [from], [])],
      ...(this.driver === 'loop' ? [['steps', tensor('int64', [to - from], [])] as const] : []),
    ]);
  }

  /** Steps `from` to `to` from `state`. */
  async train(state: State, batches: Batches, from: number, to: number): Promise<Trained> {
    const telemetry: Float32Array[] = [];
    const stride = this.driver === 'loop' ? to - from : 1;
    let current = state;
    for (let step = from; step < to; step += stride) {
      const results = await this.#run(this.feeds(current, batches, step, step + stride));
      current = new Map(
        [...current].map(([name, value]) => [name, fromOrt(results[`next/${name}`]) ?? value]),
      );
      const values = results.telemetry!.data as Float32Array;
      const width = values.length / stride;
      for (let k = 0; k < stride; k++) telemetry.push(values.slice(k * width, (k + 1) * width));
    }
    return { state: current, telemetry };
  }

  #run(feeds: ReadonlyMap<string, Tensor>): Promise<ort.InferenceSession.OnnxValueMapType> {
    // A graph keeps only the inputs it reads.
    const known = [...feeds].filter(([name]) => this.#session.inputNames.includes(name));
    return this.#session.run(Object.fromEntries(known.map(([name, value]) => [name, toOrt(value)])));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

const toOrt = ({ dtype, data, shape }: Tensor) =>
  new ort.Tensor(dtype as 'float32', data as Float32Array, shape);

function fromOrt(value: ort.Tensor | undefined): Tensor | undefined {
  if (!value) return undefined;
  const { type, dims, data } = value;
  return { dtype: type as Tensor['dtype'], shape: [...dims], data: data as Tensor['data'] };
}

/** Loads a training model, trains it from its initial state and lets it go. */
export async function trainFromStart(
  program: TrainingProgram,
  target: Target,
  driver: Driver,
  batches: Batches,
): Promise<Trained> {
  const model = await TrainingModel.load(program, target, driver);
  try {
    return await model.train(initialState(program, batches.seed), batches, 0, batches.real.shape[0]!);
  } finally {
    await model.release();
  }
}

/** What a program of Python has written, beside its cases. */
export const readState = (path: string): State => decodeSafetensors(readFileSync(path), path).tensors;
