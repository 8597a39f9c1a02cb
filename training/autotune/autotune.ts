import { createHash } from 'node:crypto';
import { availableParallelism, cpus, hostname } from 'node:os';
import type { Device } from '../../artifacts/device.ts';
import { InputError } from '../../artifacts/errors.ts';
import { ganxVersion } from '../../artifacts/version.ts';
import type { Target } from '../../graph-builder/ops/op.ts';
import { print } from '../../graph-builder/print.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import type { Chunk, Engine } from '../engine/engine.ts';
import { deviceName } from '../device/device.ts';
import { freshState } from '../start-state.ts';
import { TuningCache } from './cache.ts';
import type { Execution } from './execution.ts';
import { stepMilliseconds } from './measure.ts';
import { search } from './search.ts';
import type { Choices, Tuning } from './search.ts';

/** What is tuned, and with what it is tried. */
export interface Tuned {
  readonly program: TrainingProgram;
  readonly device: Device;
  /** Kept unless another execution is clearly faster. */
  readonly usual: Execution;
  /** Threads there may be. */
  readonly threads: number;
  /** An engine that has yet to be given a state. */
  readonly engine: (execution: Execution) => Engine;
  /** The input of any steps. */
  readonly chunkAt: (step: number, steps: number) => Chunk;
  readonly signal: AbortSignal;
  /** Called where nothing is known yet, before some seconds of measuring. */
  readonly onMeasuring: () => void;
  /** Something that was not as it should be, and hinders nothing. */
  readonly onWarning: (message: string) => void;
}

/**
 * The fastest way to run a program on a device: as it was measured before for the same graph on the same device, or
 * measured now, in some seconds, and kept.
 *
 * @throws the signal's reason when it is aborted
 */
export async function autotune(
  tuned: Tuned,
  cache = new TuningCache(keyOf(tuned)),
): Promise<Tuning & { readonly isKept: boolean }> {
  const kept = await cache.read();
  if (kept) return { ...kept, isKept: true };
  tuned.onMeasuring();
  const tuning = await search(tuned.usual, choicesOf(tuned), (execution) => tryOut(tuned, execution));
  // What did not run may for want of memory that is there the next time.
  const isSure = tuning.measured.every(({ milliseconds }) => Number.isFinite(milliseconds));
  try {
    if (isSure) await cache.write(tuning);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    tuned.onWarning(`what was measured is not kept: ${error.message}`);
  }
  return { ...tuning, isKept: false };
}

/** What a graph may be compiled for: portably, or for CPU or CUDA, whose graphs no other device computes whole. */
const targetsOf = ({ kind }: Device): readonly Target[] =>
  kind === 'webgpu' ? ['portable'] : [kind, 'portable'];

/** Threads are the CPU's. */
const choicesOf = ({ device, threads }: Tuned): Choices => ({
  targets: targetsOf(device),
  threads: device.kind === 'cpu' ? Math.min(threads, availableParallelism()) : 0,
});

/** Milliseconds of a step; Infinity where it does not run, be it for want of memory. */
async function tryOut(
  { program, engine: make, chunkAt, signal }: Tuned,
  execution: Execution,
): Promise<number> {
  signal.throwIfAborted();
  const engine = make(execution);
  try {
    await engine.ready();
    await engine.restore((await freshState(program, 0, signal)).tensors);
    return await stepMilliseconds(engine, chunkAt, signal);
  } catch {
    signal.throwIfAborted();
    return Infinity;
  } finally {
    await engine.dispose();
  }
}

/** The step itself stands for the shapes: networks, batch and techniques are all in it. */
const keyOf = ({ program, device, threads }: Tuned) => ({
  step: createHash('sha256').update(print(program.stepGraph())).digest('hex'),
  device: deviceName(device),
  // Only its machine tells one GPU from another.
  machine: device.kind === 'cpu' ? '' : hostname(),
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  threads,
  targets: [...targetsOf(device)],
  ganx: ganxVersion,
});
