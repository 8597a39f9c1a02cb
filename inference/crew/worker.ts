import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../artifacts/errors.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import { nodeRuntime } from '../onnxruntime-node.ts';
import { loadProven, MixingModel } from './mixing-model.ts';
import type { Answer, Order, WorkerData } from './worker-runner.ts';

/** The other end of `worker-runner.ts`. */
const port = parentPort!;
const { model: file, settings, maxBatch, busy } = workerData as WorkerData;

/** It is not inside onnxruntime, nor about to be. Said before the answer, which may be followed by the next order. */
const rest = () => {
  Atomics.store(busy, 0, 0);
  Atomics.notify(busy, 0);
};
process.once('exit', rest);

const answer = (message: Answer, transfers: ArrayBuffer[] = []) => {
  port.postMessage(message, transfers);
};
const refuse = (error: unknown) => {
  rest();
  const { message } = error as Error;
  answer({ error: { message, known: error instanceof InputError } });
};

try {
  const runtime = nodeRuntime(await loadQuietRuntime(), settings);
  const model = await (maxBatch === undefined
    ? MixingModel.load(runtime, file)
    : loadProven(runtime, file, maxBatch));
  if (!model) throw new InputError(`${file.source}: its noise is of an unknown make`);
  port.on('message', (rows: Order) => {
    if (rows)
      model.run(rows).then((data) => {
        rest();
        answer({ data }, [data.buffer]);
      }, refuse);
    // Of the thread alone; what others may have left open in it would keep it.
    else void model.dispose().finally(() => process.exit());
  });
  rest();
  answer({ ready: { metadata: model.metadata, mixes: model.mixes } });
} catch (error) {
  refuse(error);
}
