import { z } from 'zod';
import type { Device } from '../../artifacts/device.ts';
import type { Target } from '../../graph-builder/ops/op.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import { deviceName } from '../device/device.ts';
import { usefulThreads } from '../threads.ts';

/** How a program is run on a device: free to choose, as it changes the speed and, by rounding alone, the numbers. */
export interface Execution {
  /** What the training graph is compiled for. */
  readonly target: Target;
  /** Threads of onnxruntime. */
  readonly threads: number;
}

export const executionSchema = z.strictObject({
  target: z.enum(['cpu', 'cuda', 'portable']),
  threads: z.number().int().min(1),
}) satisfies z.ZodType<Execution>;

/** How a run is run on a device: as autotune found for its own device, else in the usual way. */
export const executionOf = (config: TunedRun, program: TrainingProgram, device: Device): Execution =>
  config.execution && config.device === deviceName(device)
    ? config.execution
    : usualExecution(program, device, config.threads);

/** What the config of a run says of it. */
interface TunedRun {
  readonly device: string;
  readonly threads: number;
  readonly execution?: Execution | undefined;
}

/** What is chosen where nothing has been measured. */
export const usualExecution = (program: TrainingProgram, device: Device, threads: number): Execution => ({
  target: targetOf(device),
  threads: usefulThreads(program, threads),
});

/** What a training graph is compiled for, likewise. */
export const targetOf = ({ kind }: Device): Target => (kind === 'webgpu' ? 'portable' : kind);
