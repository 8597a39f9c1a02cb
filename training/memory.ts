import { InputError, withoutPlace } from '../artifacts/errors.ts';
import { sizeOf } from '../graph-builder/shape.ts';
import { runProgram } from './device/run-program.ts';
import { isOutOfMemory } from './engine/out-of-memory.ts';
import type { RunConfig } from './run-config.ts';

/** Most memory that a run has had, in bytes. */
export interface PeakMemory {
  /** Of this process; on the CPU that is all there is. */
  readonly host: number;
  /** On the GPU: of CUDA, whose arena does not shrink. */
  readonly device?: number;
}

/** @param device name of the device */
export async function peakMemory(device: string): Promise<PeakMemory> {
  // Kilobytes on every system.
  const host = process.resourceUsage().maxRSS * 1024;
  const onDevice = device.startsWith('cuda') ? await cudaMemory() : undefined;
  return { host, ...(onDevice === undefined ? {} : { device: onDevice }) };
}

/** What the driver says that this process holds; undefined where it does not tell, as inside some containers. */
async function cudaMemory(): Promise<number | undefined> {
  const { output, problem } = await runProgram(
    'nvidia-smi',
    ['--query-compute-apps=pid,used_gpu_memory', '--format=csv,noheader,nounits'],
    { patience: 5000 },
  );
  return problem === undefined ? memoryOf(process.pid, output) : undefined;
}

/** Bytes of a process on all GPUs, from nvidia-smi's table of process numbers and mebibytes. */
export function memoryOf(pid: number, table: string): number | undefined {
  const ours = table
    .split('\n')
    .map((line) => line.split(',').map(Number))
    .filter(([owner]) => owner === pid);
  const mebibytes = ours.reduce((sum, [, used]) => sum + used!, 0);
  return ours.length && Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined;
}

/** An error of a step, in words that help where it is for want of memory. */
export function explained(error: unknown, { device, recipe, sample }: RunConfig): unknown {
  if (!isOutOfMemory(error)) return error;
  const { batch, accumulate, techniques } = recipe;
  const { probability, size } = techniques.replay;
  const smallerBatch = Math.ceil(batch / 2);
  const pool = probability > 0 ? 4 * size * sizeOf(sample.shape) : 0;
  const smallerPool =
    pool >= largePool
      ? `; the replay pool alone takes ${Math.round(pool / 2 ** 20)} MiB, less with --set techniques.replay.size=${Math.max(smallerBatch, Math.ceil(size / 4))}`
      : '';
  return new InputError(
    `${device}: no memory for a step of batch ${batch} (${withoutPlace((error as Error).message)}); try --batch ${smallerBatch}, with --set accumulate=${accumulate * 2} for as many samples an update${smallerPool}`,
    { cause: error },
  );
}

/** Bytes of past fakes that are worth a word where memory is short; a step holds them twice. */
const largePool = 256 * 2 ** 20;
