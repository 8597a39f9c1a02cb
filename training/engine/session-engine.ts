import type * as Ort from 'onnxruntime-node';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';
import { DeviceState } from './device-state.ts';
import type { Chunk, ChunkResult, Engine, EngineSpec } from './engine.ts';
import { HostState } from './host-state.ts';
import { fromOrt, sessionOptions, toOrt } from './onnxruntime.ts';
import type { TrainingState } from './training-state.ts';

/**
 * Runs on sessions of any onnxruntime, Node's or a browser's, in the calling thread.
 *
 * @param further options of the training session, such as those of the profiler
 */
export async function createSessionEngine(
  ort: typeof Ort,
  spec: EngineSpec,
  further: Ort.InferenceSession.SessionOptions = {},
): Promise<Engine> {
  const options = sessionOptions(spec.device, spec.threads);
  const session = await ort.InferenceSession.create(spec.trainingModel, {
    ...options,
    ...outputLocations(spec),
    ...further,
  });
  let sampler: Ort.InferenceSession | undefined;
  const { onDevice } = spec;
  const state: TrainingState = onDevice
    ? new DeviceState(ort, () => ort.InferenceSession.create(onDevice.download, options))
    : new HostState(ort, spec.layouts);
  /** Spent inside onnxruntime by the runs of a chunk. */
  let milliseconds = 0;

  /** A graph keeps only the inputs it reads. */
  const feed = (target: Ort.InferenceSession, feeds: Record<string, Ort.Tensor>) =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => target.inputNames.includes(name)));

  const runOnce = async (inputs: Record<string, Tensor>): Promise<Float32Array> => {
    const feeds = { ...Object.fromEntries(state.feeds) };
    for (const [name, value] of Object.entries(inputs)) feeds[name] = toOrt(ort, value);
    const start = performance.now();
    const results = await session.run(feed(session, feeds));
    milliseconds += performance.now() - start;
    state.advance(results);
    return results.telemetry!.data as Float32Array;
  };

  const runSteps = async ({ steps, step, seed, real, labels, controls }: Chunk): Promise<Float32Array> => {
    const row = ({ dtype, shape, data }: Tensor, k: number): Tensor => {
      const size = data.length / steps;
      return { dtype, shape: shape.slice(1), data: data.subarray(k * size, (k + 1) * size) };
    };
    const rows: Float32Array[] = [];
    for (let k = 0; k < steps; k++)
      rows.push(
        await runOnce({
          real: row(real, k),
          ...(labels ? { labels: row(labels, k) } : {}),
          controls: row(controls, k),
          seed: tensor('int32', [seed], []),
          step: tensor('int32', [step + k], []),
        }),
      );
    return Float32Array.from(rows.flatMap((values) => [...values]));
  };

  return {
    ready: () => Promise.resolve(),
    run: async (chunk: Chunk): Promise<ChunkResult> => {
      milliseconds = 0;
      const telemetry =
        spec.driver === 'step'
          ? await runSteps(chunk)
          : await runOnce({
              real: chunk.real,
              ...(chunk.labels ? { labels: chunk.labels } : {}),
              controls: chunk.controls,
              seed: tensor('int32', [chunk.seed], []),
              step: tensor('int32', [chunk.step], []),
              steps: tensor('int64', [chunk.steps], []),
            });
      return { telemetry, milliseconds };
    },
    state: () => state.all(),
    restore: (tensors) => {
      state.restore(tensors);
      return Promise.resolve();
    },
    move: (moves) => {
      state.move(moves);
      return Promise.resolve();
    },
    generate: async (z: Tensor, seed: number, labels?: Tensor): Promise<Tensor> => {
      sampler ??= await ort.InferenceSession.create(spec.samplerModel, options);
      const feeds: Record<string, Ort.Tensor> = {
        z: toOrt(ort, z),
        seed: toOrt(ort, tensor('int32', [seed], [])),
        ...(labels ? { label: toOrt(ort, labels) } : {}),
      };
      for (const [input, name] of spec.samplerWeights) feeds[input] = state.plain(name);
      const results = await sampler.run(feed(sampler, feeds));
      return fromOrt(results[sampler.outputNames[0]!]!);
    },
    dispose: async () => {
      await state.dispose();
      await session.release();
      await sampler?.release();
    },
  };
}

/** Where a run leaves what it puts out; the telemetry comes to the host in any case. */
function outputLocations({ onDevice }: EngineSpec): Ort.InferenceSession.SessionOptions {
  if (!onDevice) return {};
  const locations = onDevice.carried.map((name) => [`next/${name}`, 'gpu-buffer'] as const);
  return { preferredOutputLocation: Object.fromEntries(locations) };
}
