import type * as Ort from 'onnxruntime-node';
import { InputError, withoutPlace } from '../artifacts/errors.ts';
import { withoutTelemetry } from '../artifacts/telemetry.ts';
import type { Names } from './arguments.ts';
import type { Runtime } from './model.ts';
import { checkOptimization, checkThreads } from './settings.ts';
import type { Optimization } from './settings.ts';

export type Device = 'cpu' | 'cuda' | `cuda:${number}` | 'webgpu';

export interface SessionSettings {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of onnxruntime, 1 to 1024; default as many as there are cores. */
  readonly threads?: number;
  /** What onnxruntime may do to the graph; default `all`. Less loads faster and runs slower. */
  readonly optimization?: Optimization;
}

export const sessionSettings: Names<SessionSettings> = { device: true, threads: true, optimization: true };

/** onnxruntime-node is an optional dependency: a browser user never needs its binaries. */
export async function loadRuntime(): Promise<typeof Ort> {
  withoutTelemetry();
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    const why =
      (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : 'does not load';
    throw new InputError(
      `onnxruntime-node ${why}; install it with "npm install --ignore-scripts onnxruntime-node@1.30.0"`,
      { cause },
    );
  }
}

/**
 * onnxruntime-node with these settings.
 *
 * @throws InputError where a setting is wrong.
 */
export function nodeRuntime(ort: typeof Ort, settings: SessionSettings): Runtime {
  const { device = 'cpu' } = settings;
  const options = sessionOptions(device, settings);
  const createSession = async (bytes: Uint8Array, source: string) => {
    try {
      return await ort.InferenceSession.create(bytes, options);
    } catch (cause) {
      const reason = withoutPlace((cause as Error).message);
      throw new InputError(
        device === 'cpu'
          ? `${source}: onnxruntime refuses the model (${reason})`
          : `device ${device} cannot be used (${reason}); "ganx doctor" tells what is missing`,
        { cause },
      );
    }
  };
  return { Tensor: ort.Tensor, createSession };
}

function sessionOptions(
  device: string,
  { threads, optimization = 'all' }: SessionSettings,
): Ort.InferenceSession.SessionOptions {
  checkThreads(threads, 1024);
  checkOptimization(optimization);
  return {
    executionProviders: [providerOf(device)],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    graphOptimizationLevel: optimization,
    logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: '1' } },
  };
}

function providerOf(device: string): Ort.InferenceSession.ExecutionProviderConfig {
  const cuda = /^cuda(?::(\d{1,4}))?$/.exec(device);
  if (cuda) return { name: 'cuda', deviceId: Number(cuda[1] ?? 0) };
  if (device === 'cpu' || device === 'webgpu') return device;
  throw new InputError(`device "${device}" must be cpu, cuda, cuda:<index> or webgpu`);
}
