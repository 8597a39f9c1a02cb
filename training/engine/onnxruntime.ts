import type * as Ort from 'onnxruntime-node';
import type { Tensor, TensorData } from '../../graph-builder/types.ts';
import { InputError } from '../../artifacts/errors.ts';
import { withoutTelemetry } from '../../artifacts/telemetry.ts';
import type { Device } from './engine.ts';

type Runtime = typeof Ort;

/** onnxruntime-node is an optional dependency: a browser user never needs its binaries. */
export async function loadRuntime(): Promise<Runtime> {
  withoutTelemetry();
  try {
    const runtime = await import('onnxruntime-node');
    // Its log would come before our one line; what matters is in the errors.
    runtime.env.logLevel = 'fatal';
    return runtime;
  } catch (cause) {
    throw new InputError(
      'onnxruntime-node: not installed or not loadable; install it with "npm install --ignore-scripts onnxruntime-node@1.30.0"',
      { cause },
    );
  }
}

/**
 * What onnxruntime would do to a training graph that takes memory: it would keep what the backward pass computes a
 * second time, cut all parts of a tensor at once instead of one after the other, and move an activation to where one
 * thread computes it.
 */
const memoryForTime = ['CommonSubexpressionElimination', 'GatherSliceToSplitFusion', 'GemmActivationFusion'];

export function sessionOptions(device: Device, threads: number): Ort.InferenceSession.SessionOptions {
  const providers = {
    cpu: ['cpu'],
    cuda: [{ name: 'cuda', deviceId: device.index }],
    webgpu: ['webgpu'],
  } as const;
  return {
    executionProviders: [...providers[device.kind]] as Ort.InferenceSession.ExecutionProviderConfig[],
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

export function toOrt(ort: Runtime, { dtype, data, shape }: Tensor): Ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}

export function fromOrt(value: Ort.Tensor): Tensor {
  return { dtype: value.type as Tensor['dtype'], data: value.data as TensorData, shape: [...value.dims] };
}
