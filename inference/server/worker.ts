import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../artifacts/errors.ts';
import { loadRuntime } from '../onnxruntime-node.ts';
import { RowModel } from './row-model.ts';
import type { Answer, Order, WorkerSpec } from './worker-runner.ts';

/** The other end of `worker-runner.ts`. */
const port = parentPort!;
const { path, settings, maxBatch } = workerData as WorkerSpec;

const answer = (message: Answer, transfers: ArrayBuffer[] = []) => {
  port.postMessage(message, transfers);
};
const refuse = (error: unknown) => {
  const { message } = error as Error;
  answer({ error: { message, known: error instanceof InputError } });
};

try {
  // Its log would come before our one line; what matters is in the errors.
  (await loadRuntime()).env.logLevel = 'fatal';
  const model = await RowModel.load(path, settings, maxBatch);
  port.on('message', (rows: Order) => {
    if (rows)
      model.run(rows).then((data) => {
        answer({ data }, [data.buffer as ArrayBuffer]);
      }, refuse);
    else
      void model.dispose().finally(() => {
        port.close();
      });
  });
  answer({ ready: { metadata: model.metadata, mixes: model.mixes } });
} catch (error) {
  refuse(error);
}
