import { availableParallelism } from 'node:os';
import { InputError } from '../../artifacts/errors.ts';
import { checkInteger } from '../arguments.ts';
import type { SessionSettings } from '../node-settings.ts';
import type { RowRunner } from '../rows.ts';
import type { ModelBytes } from '../source.ts';
import { Crew } from './crew.ts';
import { startWorker } from './worker-runner.ts';

export interface CrewSettings {
  /**
   * Threads of their own, each with a copy of the model, in which 16 samples and more are computed; 0 to 64, default
   * 0, for the device `cpu`. Each has its part of `threads`, and at least one. Samples are the same, bit for bit: that
   * is tested when they start. Where it does not hold, or they cannot start, there are none, and `backend` says why.
   */
  readonly workers?: number;
}

/** @throws InputError where workers cannot be had. */
export function checkWorkers({ workers = 0, device = 'cpu' }: CrewSettings & SessionSettings): void {
  checkInteger('workers', workers, 0, 64);
  if (workers > 0 && device !== 'cpu')
    throw new InputError(`workers ${workers} are for the device cpu, not for ${device}`);
}

/**
 * The crew of a model.
 *
 * @param workers at least one
 * @throws Error where it cannot be had.
 */
export async function hireCrew(
  leader: RowRunner,
  { bytes, source }: ModelBytes,
  workers: number,
  { threads = availableParallelism(), optimization }: SessionSettings,
): Promise<Crew> {
  const settings: SessionSettings = {
    threads: Math.max(1, Math.floor(threads / workers)),
    ...(optimization && { optimization }),
  };
  // A view would take all of its buffer along to each.
  const model = { bytes: bytes.slice(), source };
  const started = await Promise.allSettled(
    Array.from({ length: workers }, () => startWorker({ model, settings })),
  );
  const helpers = started.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const refused = started.find((outcome) => outcome.status === 'rejected');
  if (!refused) return Crew.form(leader, helpers);
  await Promise.all(helpers.map((helper) => helper.dispose()));
  throw refused.reason;
}
