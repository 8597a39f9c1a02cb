import type * as Ort from 'onnxruntime-node';
import type { Device } from '../../artifacts/device.ts';
import { providerOf } from '../../artifacts/onnxruntime-node.ts';
import type { Tensor, TensorData } from '../../graph-builder/types.ts';

/**
 * What onnxruntime would do to a training graph that takes memory: it would keep what the backward pass computes a
 * second time, cut all parts of a tensor at once instead of one after the other, and move an activation to where one
 * thread computes it.
 */
const memoryForTime = ['CommonSubexpressionElimination', 'GatherSliceToSplitFusion', 'GemmActivationFusion'];

export function sessionOptions(device: Device, threads: number): Ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [providerOf(device)],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // Without the arena every large tensor is mapped and unmapped anew, which costs a third of the speed; with a
    // memory pattern on top of it the peak is a quarter higher, at the same speed.
    enableCpuMemArena: true,
    enableMemPattern: false,
    // Fatal only, as of the environment: what fails is told by the error, in the same words.
    logSeverityLevel: 4,
    extra: {
      // Adam's moments decay into denormals, which cost up to a quarter of the speed.
      session: { set_denormal_as_zero: '1' },
      optimization: { disable_specified_optimizers: memoryForTime.join(';') },
    },
  };
}

export function toOrt(ort: typeof Ort, { dtype, data, shape }: Tensor): Ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}

export function fromOrt(value: Ort.Tensor): Tensor {
  return { dtype: value.type as Tensor['dtype'], data: value.data as TensorData, shape: [...value.dims] };
}
