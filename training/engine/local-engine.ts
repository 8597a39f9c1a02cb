import type * as Ort from 'onnxruntime-node';
import type { Tensor } from '../../graph-builder/types.ts';
import { tensor } from '../../graph-builder/types.ts';
import type { Chunk, ChunkResult, Engine, EngineSpec } from './engine.ts';
import { fromOrt, loadRuntime, sessionOptions, toOrt } from './onnxruntime.ts';
import { release } from './release.ts';

/** Runs in the calling thread, which stands still meanwhile; `worker-engine.ts` runs one of these in a worker. */
export async function createLocalEngine(spec: EngineSpec): Promise<Engine> {
  const ort = await loadRuntime();
  const options = sessionOptions(spec.device, spec.threads);
  const session = await ort.InferenceSession.create(spec.trainingModel, options);
  let sampler: Ort.InferenceSession | undefined;
  /** Tensors whose buffers others know too. */
  const shared = new WeakSet<Ort.Tensor>();
  const toState = (tensors: ReadonlyMap<string, Tensor>) => {
    const result = new Map([...tensors].map(([name, value]) => [name, toOrt(ort, value)]));
    for (const value of result.values()) shared.add(value);
    return result;
  };
  let state = toState(spec.state);

  /** A graph keeps only the inputs it reads. */
  const feed = (target: Ort.InferenceSession, feeds: Record<string, Ort.Tensor>) =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => target.inputNames.includes(name)));

  const runOnce = async (inputs: Record<string, Tensor>): Promise<Float32Array> => {
    const feeds = { ...Object.fromEntries(state) };
    for (const [name, value] of Object.entries(inputs)) feeds[name] = toOrt(ort, value);
    const results = await session.run(feed(session, feeds));
    const previous = state;
    state = new Map([...state].map(([name, value]) => [name, results[`next/${name}`] ?? value]));
    const kept = new Set(state.values());
    release([...previous.values()].filter((value) => !kept.has(value) && !shared.has(value)));
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
      const start = performance.now();
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
      return { telemetry, milliseconds: performance.now() - start };
    },
    state: () => {
      for (const value of state.values()) shared.add(value);
      return Promise.resolve(new Map([...state].map(([name, value]) => [name, fromOrt(value)])));
    },
    restore: (tensors) => {
      state = toState(tensors);
      return Promise.resolve();
    },
    move: (moves) => {
      for (const { from, to } of moves) state.set(to, state.get(from)!);
      return Promise.resolve();
    },
    generate: async (z: Tensor, seed: number, labels?: Tensor): Promise<Tensor> => {
      sampler ??= await ort.InferenceSession.create(spec.samplerModel, options);
      const feeds: Record<string, Ort.Tensor> = {
        z: toOrt(ort, z),
        seed: toOrt(ort, tensor('int32', [seed], [])),
        ...(labels ? { label: toOrt(ort, labels) } : {}),
      };
      for (const [input, name] of spec.samplerWeights) feeds[input] = state.get(name)!;
      const results = await sampler.run(feed(sampler, feeds));
      return fromOrt(results[sampler.outputNames[0]!]!);
    },
    dispose: async () => {
      await session.release();
      await sampler?.release();
    },
  };
}
