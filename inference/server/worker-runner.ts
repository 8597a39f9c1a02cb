import { Worker } from 'node:worker_threads';
import { InputError } from '../../artifacts/errors.ts';
import { withoutTelemetry } from '../../artifacts/telemetry.ts';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import type { SessionSettings } from '../onnxruntime-node.ts';
import type { RowRunner } from './row-model.ts';
import type { Rows } from './rows.ts';

/** What the worker is started with. */
export interface WorkerSpec {
  readonly path: string;
  readonly settings: SessionSettings;
  readonly maxBatch: number;
}

/** What the worker is sent: rows to run, or `null` to let the model go and end. */
export type Order = Rows | null;

/** What it answers: first that it is ready, then the samples of each order. */
export type Answer =
  | { readonly ready: { readonly metadata: GeneratorMetadata; readonly mixes: boolean } }
  | { readonly data: Float32Array }
  | { readonly error: { readonly message: string; readonly known: boolean } };

export interface WorkerRunner extends RowRunner {
  /** Rejects if the worker ends by itself; never resolves. */
  readonly failure: Promise<never>;
}

/**
 * A `RowModel` in a thread of its own: onnxruntime's `run` blocks its thread, and a server must go on answering. The
 * thread is asked to end and never terminated: that would abort the process if it happened during a run.
 *
 * @throws InputError as `RowModel.load` does
 */
export async function startWorker(spec: WorkerSpec): Promise<WorkerRunner> {
  withoutTelemetry();
  // Options of Node such as --eval are not meant for it.
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: spec, execArgv: [] });
  let waiting: { resolve: (answer: Answer) => void; reject: (reason: unknown) => void } | undefined;
  let ended: Error | undefined;
  let asked = false;
  const failure = new Promise<never>((_, reject) => {
    const fail = (error: Error) => {
      ended ??= error;
      waiting?.reject(ended);
      if (!asked) reject(ended);
    };
    worker.on('error', (cause) => {
      fail(new Error(`the worker that runs the model failed: ${cause.message}`, { cause }));
    });
    worker.on('exit', (code) => {
      fail(new Error(`the worker that runs the model ended with code ${code}`));
    });
  });
  failure.catch(() => undefined);
  const answer = async () => {
    const received = await new Promise<Answer>((resolve, reject) => {
      if (ended) reject(ended);
      waiting = { resolve, reject };
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
      worker.postMessage(rows satisfies Order, transfers(rows));
      return ((await reply) as Extract<Answer, { data: unknown }>).data;
    },
    dispose: async () => {
      asked = true;
      if (ended) return;
      const end = new Promise((resolve) => worker.once('exit', resolve));
      worker.postMessage(null satisfies Order);
      await end;
    },
  };
}

const transfers = ({ z, seeds, places, labels }: Rows) =>
  [z, seeds, places, ...(labels ? [labels] : [])].map(({ buffer }) => buffer as ArrayBuffer);
