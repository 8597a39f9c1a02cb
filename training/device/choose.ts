import type { Device } from '../../artifacts/device.ts';
import { InputError } from '../../artifacts/errors.ts';
import { diagnoseCuda } from './cuda/diagnose.ts';
import { deviceName } from './device.ts';
import { probe } from './probe.ts';
import { hasVulkanDriver, isClearlyFaster, speedOf } from './webgpu.ts';

/** The device of a run. */
export interface Choice {
  readonly device: Device;
  /** Why this one; only where ganx was left to choose. */
  readonly reason?: string;
  /** What keeps it from computing in float16, where something does. */
  readonly halvesProblem?: string | undefined;
}

/**
 * Tries the device that is asked for; of `auto` the fastest that works: CUDA, then WebGPU on a real GPU, then the CPU.
 *
 * @throws InputError where the device that is asked for does not work, saying all that is in the way
 */
export async function chooseDevice(asked: Device | 'auto', signal?: AbortSignal): Promise<Choice> {
  if (asked === 'auto') return fastest(signal);
  if (asked.kind === 'cpu') return { device: asked };
  const tried = asked.kind === 'cuda' ? await diagnoseCuda(asked.index, signal) : await probe(asked, signal);
  if (tried.works) return { device: asked, halvesProblem: tried.halvesProblem };
  const problem = 'reason' in tried ? tried.reason : tried.problems.map(({ what }) => what).join('; ');
  throw new InputError(
    `--device: ${deviceName(asked)} does not work here: ${problem}; "ganx doctor" tells what mends it`,
  );
}

async function fastest(signal?: AbortSignal): Promise<Choice> {
  const cuda = await diagnoseCuda(0, signal);
  if (cuda.works)
    return {
      device: { kind: 'cuda', index: 0 },
      reason: `CUDA ${speedOf(cuda)}`,
      halvesProblem: cuda.halvesProblem,
    };
  // With a driver there is a GPU that its owner will want to use.
  const { what } = cuda.problems[0]!;
  const noCuda = cuda.hasDriver ? `CUDA does not work (${what}; "ganx doctor" tells what mends it)` : what;

  const { device, reason } = await webgpuOrCpu(signal);
  return { device, reason: `${noCuda}; ${reason}` };
}

async function webgpuOrCpu(signal?: AbortSignal): Promise<Required<Omit<Choice, 'halvesProblem'>>> {
  const cpu = { kind: 'cpu', index: 0 } as const;
  if (process.platform === 'linux' && !hasVulkanDriver())
    return { device: cpu, reason: 'WebGPU finds no Vulkan driver' };
  const webgpu = { kind: 'webgpu', index: 0 } as const;
  const probed = await probe(webgpu, signal);
  if (!probed.works) return { device: cpu, reason: `WebGPU does not work (${probed.reason})` };
  return { device: isClearlyFaster(probed) ? webgpu : cpu, reason: `WebGPU ${speedOf(probed)}` };
}
