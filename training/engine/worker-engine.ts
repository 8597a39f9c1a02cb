import { Worker } from 'node:worker_threads';
import type { Chunk, Engine, EngineSpec } from './engine.ts';
import type { Move } from '../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../graph-builder/types.ts';

export interface Request {
  readonly id: number;
  readonly method: keyof Engine;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: unknown;
}

/**
 * An engine in a worker thread. onnxruntime's `run` blocks its thread until it is done; here the main thread goes on
 * drawing progress, preparing data and answering signals. The worker is never terminated while it runs: that would
 * abort the whole process.
 */
export function createWorkerEngine(spec: EngineSpec): Engine {
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: spec,
    // Options of Node such as --eval are not meant for it.
    execArgv: [],
  });
  const pending = new Map<number, { resolve: (value: never) => void; reject: (reason: unknown) => void }>();
  let lastId = 0;
  let failure: Error | undefined;

  const fail = (error: Error) => {
    failure ??= error;
    for (const { reject } of pending.values()) reject(failure);
    pending.clear();
  };
  worker.on('message', ({ id, value, error }: Reply) => {
    const call = pending.get(id);
    pending.delete(id);
    if (error === undefined) call?.resolve(value as never);
    else call?.reject(error);
  });
  worker.on('error', fail);
  worker.on('exit', (code) => {
    fail(new Error(`the training worker ended with code ${code}`));
  });

  const send = <T>(
    method: keyof Engine,
    args: readonly unknown[],
    given: readonly ArrayBuffer[] = [],
  ): Promise<T> => {
    if (failure) return Promise.reject(failure);
    const id = ++lastId;
    return new Promise<T>((resolve, reject) => {
      // Throws where something was given away before.
      worker.postMessage({ id, method, args } satisfies Request, given);
      pending.set(id, { resolve, reject });
    });
  };
  const call = <T>(method: keyof Engine, ...args: readonly unknown[]) => send<T>(method, args);
  return {
    ready: () => call('ready'),
    // The data are given away, not copied: hundreds of megabytes for a GPU.
    run: (chunk: Chunk) => send('run', [chunk], [chunk.real.data.buffer as ArrayBuffer]),
    state: () => call<Map<string, Tensor>>('state'),
    restore: (state: ReadonlyMap<string, Tensor>) =>
      // Tensors of one file share a buffer, and a buffer can be given once.
      send(
        'restore',
        [state],
        [...new Set([...state.values()].map(({ data }) => data.buffer as ArrayBuffer))],
      ),
    move: (moves: readonly Move[]) => call('move', moves),
    generate: (z: Tensor, seed: number, labels?: Tensor) => call('generate', z, seed, labels),
    // The worker ends with it, also where the engine could not be made.
    dispose: async () => {
      await call('dispose').catch(() => undefined);
    },
  };
}
