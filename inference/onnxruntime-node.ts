import type * as Ort from 'onnxruntime-node';
import { deviceNamed, deviceNames } from '../artifacts/device.ts';
import { InputError, withoutPlace } from '../artifacts/errors.ts';
import { providerOf } from '../artifacts/onnxruntime-node.ts';
import type { Runtime } from './model.ts';
import type { SessionSettings } from './node-settings.ts';
import { checkOptimization, checkThreads } from './settings.ts';

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
  const named = deviceNamed(device);
  if (!named) throw new InputError(`device "${device}" must be ${deviceNames}`);
  return {
    executionProviders: [providerOf(named)],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    interOpNumThreads: 1,
    graphOptimizationLevel: optimization,
    logSeverityLevel: 3,
    extra: { session: { set_denormal_as_zero: '1' } },
  };
}
