import { availableParallelism } from 'node:os';
import { InputError } from '../../artifacts/errors.ts';
import { checkInteger } from '../arguments.ts';
import type { SessionSettings } from '../onnxruntime-node.ts';
import type { RowRunner } from '../rows.ts';
import type { ModelBytes } from '../source.ts';
import { Crew } from './crew.ts';
import { startWorker } from './worker-runner.ts';

export interface CrewSettings {
  /**
   * Threads of their own, each with a copy of the model, that share the work of 16 samples and more, so that it keeps
   * the calling thread free; 0 to 64, default 0, for the device `cpu`. Each has its part of `threads`. Samples are the
   * same, bit for bit: that is tested when they start, and where it does not hold they are not used, which `backend`
   * tells.
   */
  readonly workers?: number;
}

/** @throws InputError where workers cannot be had. */
export function checkWorkers({ workers = 0, device = 'cpu' }: CrewSettings & SessionSettings): void {
  checkInteger('workers', workers, 0, 64);
  if (workers > 0 && device !== 'cpu')
    throw new InputError(`workers ${workers} are for the device cpu, not for ${device}`);
}

/** The crew of a model; undefined where none is asked for, or none can be had. */
export async function hireCrew(
  leader: RowRunner,
  model: ModelBytes,
  { workers = 0, threads = availableParallelism(), optimization }: CrewSettings & SessionSettings,
): Promise<Crew | undefined> {
  if (workers === 0) return undefined;
  const settings: SessionSettings = {
    threads: Math.max(1, Math.floor(threads / workers)),
    ...(optimization && { optimization }),
  };
  const started = await Promise.allSettled(
    Array.from({ length: workers }, () => startWorker({ model, settings })),
  );
  const helpers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  return helpers.length > 0 ? Crew.form(leader, helpers) : undefined;
}
