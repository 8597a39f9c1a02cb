import type * as Ort from 'onnxruntime-node';
import { InputError, withoutPlace } from '../artifacts/errors.ts';

export type Device = 'cpu' | 'cuda' | `cuda:${number}` | 'webgpu';

export interface SessionSettings {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of onnxruntime, 1 to 1024; default as many as there are cores. */
  readonly threads?: number;
}

/** onnxruntime-node is an optional dependency: a browser user never needs its binaries. */
export async function loadRuntime(): Promise<typeof Ort> {
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
 * Loads a model into onnxruntime.
 *
 * @param source what messages call the model: its path
 * @throws InputError where the settings are wrong, the device cannot be used, or onnxruntime refuses the model.
 */
export async function createSession(
  ort: typeof Ort,
  bytes: Uint8Array,
  source: string,
  settings: SessionSettings,
): Promise<Ort.InferenceSession> {
  const { device = 'cpu', threads } = settings;
  const options = sessionOptions(device, threads);
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
}

function sessionOptions(device: string, threads: number | undefined): Ort.InferenceSession.SessionOptions {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 1024))
    throw new InputError(`threads ${threads} must be an integer from 1 to 1024`);
  return {
    executionProviders: [providerOf(device)],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
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
