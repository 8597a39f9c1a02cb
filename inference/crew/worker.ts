import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../artifacts/errors.ts';
import { loadRuntime, nodeRuntime } from '../onnxruntime-node.ts';
import type { RowRunner } from '../rows.ts';
import { loadProven, MixingModel } from './mixing-model.ts';
import type { Answer, Order, WorkerData } from './worker-runner.ts';

/** The other end of `worker-runner.ts`. */
const port = parentPort!;
const { model: file, settings, maxBatch, busy } = workerData as WorkerData;

const answer = (message: Answer, transfers: ArrayBuffer[] = []) => {
  port.postMessage(message, transfers);
};
const refuse = (error: unknown) => {
  const { message } = error as Error;
  answer({ error: { message, known: error instanceof InputError } });
};
/** Does what goes into onnxruntime. */
async function busily<T>(task: () => Promise<T>): Promise<T> {
  Atomics.store(busy, 0, 1);
  try {
    return await task();
  } finally {
    Atomics.store(busy, 0, 0);
    Atomics.notify(busy, 0);
  }
}

try {
  // Its log would come before our one line; what matters is in the errors.
  const ort = await loadRuntime();
  ort.env.logLevel = 'fatal';
  const runtime = nodeRuntime(ort, settings);
  const model = await busily<RowRunner | undefined>(() =>
    maxBatch === undefined ? MixingModel.load(runtime, file) : loadProven(runtime, file, maxBatch),
  );
  if (!model) throw new InputError(`${file.source}: its rows do not mix`);
  port.on('message', (rows: Order) => {
    if (rows)
      busily(() => model.run(rows)).then((data) => {
        answer({ data }, [data.buffer as ArrayBuffer]);
      }, refuse);
    else
      void busily(() => model.dispose()).finally(() => {
        port.close();
      });
  });
  answer({ ready: { metadata: model.metadata, mixes: model.mixes } });
} catch (error) {
  refuse(error);
}
