import { InputError } from '../artifacts/errors.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { checkTrainOptions } from './options.ts';
import type { TrainOptions } from './options.ts';
import type { TrainEvent } from './events.ts';
import { runSteps } from './run-steps.ts';
import type { TrainResult } from './run-steps.ts';
import type { Listening, Run } from './run.ts';
import { setUp } from './set-up.ts';

export type { TrainResult } from './run-steps.ts';

/**
 * Trains a GAN and leaves a run folder: recipe.json, log.jsonl, samples, checkpoints, the exported networks, the
 * training graphs and report.html.
 *
 * @throws InputError for options, data and files that cannot be used; nothing new is left behind then
 */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  checkTrainOptions(options);
  // A listener that throws ends the run as a signal does, so that what was trained is kept.
  const broken = new AbortController();
  const signal = AbortSignal.any([broken.signal, ...(options.signal ? [options.signal] : [])]);
  let isOver = false;
  const end = (error: unknown) => {
    // Nobody waits for it any more: it is for the process to hear of.
    if (isOver) throw error;
    broken.abort(error);
  };
  const onEvent = (event: TrainEvent) => {
    try {
      // An asynchronous listener passes for one that gives nothing back.
      const returned: unknown = options.onEvent?.(event);
      if (returned instanceof Promise) returned.catch(end);
    } catch (error) {
      end(error);
    }
  };
  let result: TrainResult;
  try {
    result = await trainUntil({ ...options, signal, onEvent });
  } finally {
    isOver = true;
  }
  broken.signal.throwIfAborted();
  return result;
}

async function trainUntil(options: TrainOptions & Listening): Promise<TrainResult> {
  let resumed: RunFolder | undefined;
  let run: Run;
  try {
    if (options.resume) resumed = await folderToResume(options);
    run = await setUp(options, resumed);
  } catch (error) {
    await resumed?.release();
    const { signal } = options;
    if (signal.aborted && error === signal.reason) return { outcome: 'stopped', folder: undefined, step: 0 };
    throw error;
  }
  try {
    return await runSteps(run);
  } finally {
    await run.folder.release();
    await run.engine.dispose();
  }
}

async function folderToResume({ out, signal, onEvent }: TrainOptions & Listening): Promise<RunFolder> {
  if (out === undefined) throw new InputError('--resume: needs --out, the folder of the run to go on with');
  return RunFolder.resume(out, {
    signal,
    onWait: (message) => {
      onEvent({ type: 'note', message });
    },
  });
}
