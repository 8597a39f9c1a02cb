import type * as Ort from 'onnxruntime-node';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';
import { DeviceState } from './device-state.ts';
import type { Chunk, ChunkResult, Engine, EngineSpec } from './engine.ts';
import { HostState } from './host-state.ts';
import { fromOrt, sessionOptions, toOrt } from './onnxruntime.ts';
import { isOutOfMemory } from './out-of-memory.ts';
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
  const open = () =>
    ort.InferenceSession.create(spec.trainingModel, { ...options, ...outputLocations(spec), ...further });
  let session: Ort.InferenceSession | undefined = await open();
  const close = async () => {
    await session?.release();
    session = undefined;
  };
  let sampler: Ort.InferenceSession | undefined;
  const { onDevice } = spec;
  const state: TrainingState = onDevice
    ? new DeviceState(ort, () => ort.InferenceSession.create(onDevice.download, options))
    : new HostState(ort, spec.layouts);
  /** Spent inside onnxruntime by the runs of a chunk. */
  let milliseconds = 0;
  /** Runs of the last chunk, and whether one of them failed. */
  let runs = 0;
  let failed = false;

  /** A graph keeps only the inputs it reads. */
  const feed = (target: Ort.InferenceSession, feeds: Record<string, Ort.Tensor>) =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => target.inputNames.includes(name)));

  const runOnce = async (inputs: Record<string, Tensor>): Promise<Float32Array> => {
    const feeds = { ...Object.fromEntries(state.feeds) };
    for (const [name, value] of Object.entries(inputs)) feeds[name] = toOrt(ort, value);
    session ??= await open();
    const start = performance.now();
    const results = await session.run(feed(session, feeds));
    milliseconds += performance.now() - start;
    runs++;
    state.advance(results);
    return results.telemetry!.data as Float32Array;
  };

  const runSteps = async (chunk: Chunk): Promise<Float32Array> => {
    const rows: Float32Array[] = [];
    const only = (value: Tensor): Tensor => ({ ...value, shape: value.shape.slice(1) });
    for (let k = 0; k < chunk.steps; k++) {
      const { seed, step, real, labels, controls } = part(chunk, k, k + 1);
      rows.push(
        await runOnce({
          real: only(real),
          ...(labels ? { labels: only(labels) } : {}),
          controls: only(controls),
          seed: tensor('int32', [seed], []),
          step: tensor('int32', [step], []),
        }),
      );
    }
    return Float32Array.from(rows.flatMap((values) => [...values]));
  };

  /** Steps that one run has memory for. */
  let most = Infinity;
  const runLoop = async (chunk: Chunk): Promise<Float32Array> => {
    const { steps } = chunk;
    if (steps > most) return runHalves(chunk);
    try {
      return await runOnce({
        real: chunk.real,
        ...(chunk.labels ? { labels: chunk.labels } : {}),
        controls: chunk.controls,
        seed: tensor('int32', [chunk.seed], []),
        step: tensor('int32', [chunk.step], []),
        steps: tensor('int64', [steps], []),
      });
    } catch (error) {
      if (!isOutOfMemory(error) || steps === 1) throw error;
      // A run that fails gives no state: the last one is still there. Its session is done with: kernels of CUDA that
      // had no memory for what they prepare have noted the shapes for which they have it.
      await close();
      most = Math.ceil(steps / 2);
      return runHalves(chunk);
    }
  };
  const runHalves = async (chunk: Chunk): Promise<Float32Array> => {
    const middle = Math.ceil(chunk.steps / 2);
    const first = await runLoop(part(chunk, 0, middle));
    const second = await runLoop(part(chunk, middle, chunk.steps));
    return Float32Array.from([...first, ...second]);
  };

  return {
    ready: () => Promise.resolve(),
    run: async (chunk: Chunk): Promise<ChunkResult> => {
      [milliseconds, runs, failed] = [0, 0, true];
      const telemetry = await (spec.driver === 'step' ? runSteps(chunk) : runLoop(chunk));
      failed = false;
      return { telemetry, milliseconds };
    },
    state: () =>
      failed && runs > 0
        ? Promise.reject(new Error('the state is amid a chunk of which a step failed'))
        : state.all(),
    restore: (tensors) => {
      state.restore(tensors);
      failed = false;
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
      await close();
      await sampler?.release();
    },
  };
}

/** Steps `from` to `to` of a chunk, on the same buffers. */
function part({ steps, step, seed, real, labels, controls }: Chunk, from: number, to: number): Chunk {
  const rows = ({ dtype, shape, data }: Tensor): Tensor => {
    const size = data.length / steps;
    return { dtype, shape: [to - from, ...shape.slice(1)], data: data.subarray(from * size, to * size) };
  };
  return {
    steps: to - from,
    step: step + from,
    seed,
    real: rows(real),
    ...(labels ? { labels: rows(labels) } : {}),
    controls: rows(controls),
  };
}

/** Where a run leaves what it puts out; the telemetry comes to the host in any case. */
function outputLocations({ onDevice }: EngineSpec): Ort.InferenceSession.SessionOptions {
  if (!onDevice) return {};
  const locations = onDevice.carried.map((name) => [`next/${name}`, 'gpu-buffer'] as const);
  return { preferredOutputLocation: Object.fromEntries(locations) };
}
