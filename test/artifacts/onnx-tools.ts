import * as ort from 'onnxruntime-node';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import type { EncodeOptions } from '../../artifacts/onnx/encode.ts';
import type { Graph } from '../../graph-builder/graph.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';

/** The graph as it is written for the CPU. */
export const encodeForCpu = (graph: Graph, options: EncodeOptions = {}): Uint8Array =>
  encodeModel(compile(graph, 'cpu'), options);

/** Loads and runs a model on the CPU; outputs as plain arrays of numbers, by name. */
export async function runModel(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, ort.Tensor>>,
): Promise<Record<string, { dims: readonly number[]; data: number[] }>> {
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  try {
    const results = await session.run(feeds);
    return Object.fromEntries(
      Object.entries(results).map(([name, { dims, data }]) => [
        name,
        { dims, data: Array.from(data as ArrayLike<number | bigint>, Number) },
      ]),
    );
  } finally {
    await session.release();
  }
}

export const floats = (values: readonly number[], dims: readonly number[] = [values.length]): ort.Tensor =>
  new ort.Tensor('float32', Float32Array.from(values), dims);
export const int64 = (value: number): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.of(BigInt(value)), []);
export const int32 = (value: number): ort.Tensor => new ort.Tensor('int32', Int32Array.of(value), []);
