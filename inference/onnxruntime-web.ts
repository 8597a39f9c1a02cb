import type * as Ort from 'onnxruntime-web';
import { InputError, withoutPlace } from '../artifacts/errors.ts';
import type { Names } from './arguments.ts';
import type { Backend } from './generator.ts';
import type { Runtime } from './model.ts';
import { Serial } from './serial.ts';
import { checkOptimization, checkThreads } from './settings.ts';
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

export const sessionSettings: Names<SessionSettings> = {
  device: true,
  threads: true,
  optimization: true,
  wasmPaths: true,
};

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
  // Browsers had WebGPU before they told this.
  const { info } = adapter as { readonly info?: GPUAdapterInfo };
  return info?.isFallbackAdapter ? 'WebGPU would run on the processor, where wasm is faster' : undefined;
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
  const { optimization = 'all' } = settings;
  checkThreads(settings.threads, 64);
  checkOptimization(optimization);
  const ort = await (device === 'wasm' ? import('onnxruntime-web/wasm') : import('onnxruntime-web/webgpu'));
  const { threads, why } = configure(ort.env, settings);
  const options: Ort.InferenceSession.SessionOptions = {
    executionProviders: [device],
    graphOptimizationLevel: optimization,
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
        device === 'webgpu'
          ? `device webgpu cannot be used (${text}); leave the device to "auto", or take "wasm"`
          : text.startsWith('no available backend')
            ? `onnxruntime-web cannot be started (${text}); its .mjs and .wasm files must be served, and wasmPaths name their folder where they are not beside the script`
            : `${source}: onnxruntime refuses the model (${text})`,
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

interface Start {
  readonly threads: number;
  readonly wasmPaths?: string;
}

/** What each runtime of this page has been started with; it cannot be changed. */
const started = new Map<Ort.Env, Start>();

/**
 * Sets a runtime up for its first session. A later generator that asks for nothing gets what there is.
 *
 * @throws InputError where it asks for something else.
 */
function configure(env: Ort.Env, { threads, wasmPaths }: SessionSettings): Start & { readonly why?: string } {
  const isolated = globalThis.crossOriginIsolated;
  const why = isolated || threads === 1 ? {} : { why: '1 thread, as the page is not cross-origin isolated' };
  const known = started.get(env);
  const usual = Math.max(1, Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)));
  const paths = wasmPaths ?? known?.wasmPaths;
  const start = {
    threads: isolated ? (threads ?? known?.threads ?? usual) : 1,
    ...(paths !== undefined && { wasmPaths: paths }),
  };
  const [asked, is] = [JSON.stringify(start), JSON.stringify(known)];
  if (known && asked !== is)
    throw new InputError(
      `onnxruntime-web runs with ${is} on this page already, and cannot be changed to ${asked}; load the page anew`,
    );
  if (!known) {
    started.set(env, start);
    env.logLevel = 'error';
    env.wasm.numThreads = start.threads;
    if (paths !== undefined) env.wasm.wasmPaths = paths;
  }
  return { ...start, ...why };
}
