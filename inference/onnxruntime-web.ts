import type * as Ort from 'onnxruntime-web';
import { InputError, withoutPlace } from '../artifacts/errors.ts';
import type { Backend } from './generator.ts';
import type { Runtime } from './model.ts';
import { Serial } from './serial.ts';
import { checkThreads } from './settings.ts';
import type { Optimization } from './settings.ts';

export type Device = 'auto' | 'wasm' | 'webgpu';

export interface SessionSettings {
  /** Default `auto`: WebGPU where there is a graphics card that it can use, else wasm. */
  readonly device?: Device;
  /**
   * Threads of wasm, 1 to 64; default half of the cores, at most 4. More than one takes a page that is cross-origin
   * isolated. The first generator of a page decides for all.
   */
  readonly threads?: number;
  /** What onnxruntime may do to the graph; default `all`. Less loads faster and runs slower. */
  readonly optimization?: Optimization;
  /** Address of the folder with onnxruntime-web's .wasm and .mjs files; default: beside the bundled script. */
  readonly wasmPaths?: string;
}

/** A runtime, and what it is. */
export interface WebRuntime extends Runtime {
  readonly backend: Backend;
}

/** One runtime of onnxruntime-web does one thing at a time, whatever generators ask it to. */
const calls = new Serial();

/** @throws InputError where it is none. */
export function checkDevice(device: string): Device {
  if (device === 'auto' || device === 'wasm' || device === 'webgpu') return device;
  throw new InputError(`device "${device}" must be auto, wasm or webgpu`);
}

/** Why WebGPU is not the choice here; undefined where it is. */
export async function webgpuLacks(): Promise<string | undefined> {
  const { gpu } = navigator as { readonly gpu?: GPU };
  if (!gpu) return 'this browser or page has no WebGPU';
  const adapter = await gpu.requestAdapter().catch(() => null);
  if (!adapter) return 'WebGPU finds no graphics card';
  return adapter.info.isFallbackAdapter
    ? 'WebGPU would run on the processor, where wasm is faster'
    : undefined;
}

/**
 * onnxruntime-web on WebGPU or wasm; only the one that is asked for is downloaded.
 *
 * @param reason why this one was chosen, where it was
 * @throws InputError where a setting is wrong.
 */
export async function webRuntime(
  device: 'wasm' | 'webgpu',
  settings: SessionSettings,
  reason?: string,
): Promise<WebRuntime> {
  checkThreads(settings.threads, 64);
  const ort = await (device === 'wasm' ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu'));
  const { threads, why } = wasmThreads(settings.threads);
  configure(ort.env, settings, threads);
  const options: Ort.InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: settings.optimization ?? 'all',
    logSeverityLevel: 3,
  };
  const createSession = async (bytes: Uint8Array, source: string) => {
    try {
      const session = await calls.run(() => ort.InferenceSession.create(bytes, options));
      return {
        run: (...args: Parameters<typeof session.run>) => calls.run(() => session.run(...args)),
        release: () => calls.run(() => session.release()),
      } as typeof session;
    } catch (cause) {
      const text = withoutPlace((cause as Error).message);
      throw new InputError(
        device === 'wasm'
          ? `${source}: onnxruntime cannot load the model (${text})`
          : `device webgpu cannot be used (${text}); leave the device to "auto", or take "wasm"`,
        { cause },
      );
    }
  };
  const reasons = [reason, device === 'wasm' ? why : undefined].filter((text) => text !== undefined);
  const backend: Backend = {
    device,
    ...(device === 'wasm' && { threads }),
    ...(reasons.length && { reason: reasons.join('; ') }),
  };
  return { Tensor: ort.Tensor, createSession, backend };
}

function wasmThreads(wanted: number | undefined): { readonly threads: number; readonly why?: string } {
  if (!globalThis.crossOriginIsolated && wanted !== 1)
    return { threads: 1, why: '1 thread, as the page is not cross-origin isolated' };
  return { threads: wanted ?? Math.max(1, Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2))) };
}

/** What one runtime has been started with; it cannot be changed. */
const started = new Map<Ort.Env, string>();

function configure(env: Ort.Env, { wasmPaths }: SessionSettings, threads: number): void {
  const asked = JSON.stringify({ threads, ...(wasmPaths !== undefined && { wasmPaths }) });
  const known = started.get(env);
  if (known === asked) return;
  if (known !== undefined)
    throw new InputError(
      `onnxruntime-web runs with ${known} on this page already, and cannot be changed to ${asked}; load the page anew`,
    );
  started.set(env, asked);
  env.logLevel = 'error';
  env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) env.wasm.wasmPaths = wasmPaths;
}
