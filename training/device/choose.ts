import { InputError } from '../../artifacts/errors.ts';
import type { Device } from '../engine/engine.ts';
import { diagnoseCuda } from './cuda/diagnose.ts';
import { deviceName } from './device.ts';
import { probe } from './probe.ts';
import { hasVulkanDriver, isClearlyFaster, speedOf } from './webgpu.ts';

/** The device of a run. */
export interface Choice {
  readonly device: Device;
  /** Why this one; only where ganx was left to choose. */
  readonly reason?: string;
}

/**
 * Tries the device that is asked for; of `auto` the fastest that works: CUDA, then WebGPU on a real GPU, then the CPU.
 *
 * @throws InputError where the device that is asked for does not work, saying all that is in the way
 */
export async function chooseDevice(asked: Device | 'auto', signal?: AbortSignal): Promise<Choice> {
  if (asked === 'auto') return fastest(signal);
  const problem = await problemOf(asked, signal);
  if (problem !== undefined)
    throw new InputError(
      `--device: ${deviceName(asked)} does not work here: ${problem}; "ganx doctor" tells what mends it`,
    );
  return { device: asked };
}

async function problemOf(device: Device, signal?: AbortSignal): Promise<string | undefined> {
  if (device.kind === 'cuda') {
    const cuda = await diagnoseCuda(device.index, signal);
    return cuda.works ? undefined : cuda.problems.map(({ what }) => what).join('; ');
  }
  if (device.kind === 'webgpu') {
    const webgpu = await probe(device, signal);
    return webgpu.works ? undefined : webgpu.reason;
  }
  return undefined;
}

async function fastest(signal?: AbortSignal): Promise<Choice> {
  const cuda = await diagnoseCuda(0, signal);
  if (cuda.works) return { device: { kind: 'cuda', index: 0 }, reason: `CUDA ${speedOf(cuda)}` };
  // With a driver there is a GPU that its owner will want to use.
  const { what } = cuda.problems[0]!;
  const noCuda = cuda.hasDriver ? `CUDA does not work (${what}; "ganx doctor" tells what mends it)` : what;

  const { device, reason } = await webgpuOrCpu(signal);
  return { device, reason: `${noCuda}; ${reason}` };
}

async function webgpuOrCpu(signal?: AbortSignal): Promise<Required<Choice>> {
  const cpu = { kind: 'cpu', index: 0 } as const;
  if (process.platform === 'linux' && !hasVulkanDriver())
    return { device: cpu, reason: 'WebGPU finds no Vulkan driver' };
  const webgpu = { kind: 'webgpu', index: 0 } as const;
  const probed = await probe(webgpu, signal);
  if (!probed.works) return { device: cpu, reason: `WebGPU does not work (${probed.reason})` };
  return { device: isClearlyFaster(probed) ? webgpu : cpu, reason: `WebGPU ${speedOf(probed)}` };
}
