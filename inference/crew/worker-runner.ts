import { Worker } from 'node:worker_threads';
import { InputError } from '../../artifacts/errors.ts';
import { withoutTelemetry } from '../../artifacts/telemetry.ts';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import type { Floats } from '../../graph-builder/arrays.ts';
import type { SessionSettings } from '../node-settings.ts';
import type { RowRunner, Rows } from '../rows.ts';
import type { ModelBytes } from '../source.ts';

/** What the worker is started with. */
export interface WorkerSpec {
  readonly model: ModelBytes;
  readonly settings: SessionSettings;
  /** Most rows of a run, for `loadProven`; default: whoever starts the worker tests the bits of its rows. */
  readonly maxBatch?: number;
}

/** What the worker is given: its spec, and where it clears what is set before it is asked for anything, int32 [1]. */
export interface WorkerData extends WorkerSpec {
  readonly busy: Int32Array;
}

/** What the worker is sent: rows to run, or `null` to let the model go and end. */
export type Order = Rows | null;

/** What it answers: first that it is ready, then the samples of each order. */
export type Answer =
  | { readonly ready: { readonly metadata: GeneratorMetadata; readonly mixes: boolean } }
  | { readonly data: Floats }
  | { readonly error: { readonly message: string; readonly known: boolean } };

export interface WorkerRunner extends RowRunner {
  /** Rejects if the worker ends by itself; never resolves. */
  readonly failure: Promise<never>;
}

const busyOfAll = new Set<Int32Array>();

/** The process ends its threads, and would abort if one were inside onnxruntime then. Most runs are over in a second. */
function waitForRuns(): void {
  const end = performance.now() + 30_000;
  for (const busy of busyOfAll) Atomics.wait(busy, 0, 1, Math.max(0, end - performance.now()));
}

/**
 * A model in a thread of its own: onnxruntime's `run` blocks its thread, and a server must go on answering. The thread
 * is asked to end and never terminated: that would abort the process if it happened during a run. While it has nothing
 * to do it keeps no process alive.
 *
 * @throws InputError as the loading of a model does
 */
export async function startWorker(spec: WorkerSpec): Promise<WorkerRunner> {
  withoutTelemetry();
  const busy = new Int32Array(new SharedArrayBuffer(4)).fill(1);
  const workerData: WorkerData = { ...spec, busy };
  // Options of Node such as --eval are not meant for it.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData, execArgv: [] });
  if (busyOfAll.size === 0) process.on('exit', waitForRuns);
  busyOfAll.add(busy);
  let waiting: { resolve: (answer: Answer) => void; reject: (reason: unknown) => void } | undefined;
  let ended: Error | undefined;
  let asked = false;
  const failure = new Promise<never>((_, reject) => {
    const fail = (error: Error) => {
      ended ??= error;
      waiting?.reject(ended);
      if (!asked) reject(ended);
    };
    worker.on('error', (cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      fail(new Error(`the worker that runs the model failed: ${reason}`, { cause }));
    });
    worker.on('exit', (code) => {
      busyOfAll.delete(busy);
      if (busyOfAll.size === 0) process.off('exit', waitForRuns);
      fail(new Error(`the worker that runs the model ended with code ${code}`));
    });
  });
  failure.catch(() => undefined);
  const answer = async () => {
    worker.ref();
    const received = await new Promise<Answer>((resolve, reject) => {
      if (ended) reject(ended);
      waiting = { resolve, reject };
    }).finally(() => {
      worker.unref();
    });
    if (!('error' in received)) return received;
    const { known, message } = received.error;
    throw known ? new InputError(message) : new Error(message);
  };
  worker.on('message', (received: Answer) => {
    waiting?.resolve(received);
  });

  const { ready } = (await answer()) as Extract<Answer, { ready: unknown }>;
  return {
    ...ready,
    failure,
    run: async (rows) => {
      const reply = answer();
      Atomics.store(busy, 0, 1);
      worker.postMessage(rows satisfies Order);
      return ((await reply) as Extract<Answer, { data: unknown }>).data;
    },
    dispose: async () => {
      asked = true;
      if (ended) return;
      worker.ref();
      const end = new Promise((resolve) => worker.once('exit', resolve));
      Atomics.store(busy, 0, 1);
      worker.postMessage(null satisfies Order);
      await end;
    },
  };
}
