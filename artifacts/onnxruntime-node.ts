import type * as Ort from 'onnxruntime-node';
import type { Device } from './device.ts';
import { PackageError } from './native-package.ts';
import { withoutTelemetry } from './telemetry.ts';

/** The command that brings onnxruntime-node; a test holds its version equal to that of package.json. */
export const installRuntime = 'npm install --ignore-scripts onnxruntime-node@1.30.0';

/**
 * onnxruntime-node is an optional dependency: a browser user never needs its binaries.
 *
 * @throws PackageError where it is not there, or does not load
 */
export async function loadRuntime(): Promise<typeof Ort> {
  withoutTelemetry();
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw new PackageError('onnxruntime-node', installRuntime, cause);
  }
}

/** The same without its log, which would come before our one line; what matters is in the errors. */
export async function loadQuietRuntime(): Promise<typeof Ort> {
  const runtime = await loadRuntime();
  runtime.env.logLevel = 'fatal';
  return runtime;
}

/** What onnxruntime-node calls a device. */
export const providerOf = ({ kind, index }: Device): Ort.InferenceSession.ExecutionProviderConfig =>
  kind === 'cuda' ? { name: kind, deviceId: index } : kind;
