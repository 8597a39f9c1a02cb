import { MessageChannel } from 'node:worker_threads';
import type * as Ort from 'onnxruntime-node';

/**
 * Frees the memory of tensors at once. Every run leaves a dead copy of the whole state, and several of them pile up
 * before the garbage collector comes by. A buffer that is sent through a closed channel is detached and dropped.
 */
export function release(tensors: Iterable<Ort.Tensor>): void {
  // A tensor may have several names; a buffer can be sent once.
  const buffers = new Set([...tensors].map(({ data }) => (data as Float32Array<ArrayBuffer>).buffer));
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(undefined, [...buffers]);
  port1.close();
}
