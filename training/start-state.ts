import { setImmediate as nextTurn } from 'node:timers/promises';
import { latestCheckpoint } from '../artifacts/checkpoint.ts';
import { InputError } from '../artifacts/errors.ts';
import { pathExists } from '../artifacts/files.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { initialize } from '../graph-builder/initializer.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { checkState } from './check-state.ts';
import type { TrainEvent } from './events.ts';
import { noProgress, parseProgress } from './progress.ts';
import { checkSameData, checkSameSettings, parseRunConfig } from './run-config.ts';
import type { RunConfig } from './run-config.ts';
import type { Listening, Position } from './run.ts';

/** A state to train from; its tensors go to the engine. */
export interface Start extends Position {
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** The state before the first step. */
export async function freshState(
  program: TrainingProgram,
  seed: number,
  signal?: AbortSignal,
): Promise<Start> {
  const tensors = new Map<string, Tensor>();
  for (const spec of program.state) {
    tensors.set(spec.name, initialize(spec, seed));
    // Large networks take long; a signal is heard in between.
    await nextTurn();
    signal?.throwIfAborted();
  }
  return { step: 0, tensors, progress: noProgress };
}

/**
 * The state that `--resume` goes on from; a run that has not come to its first checkpoint starts anew.
 *
 * @throws InputError where no checkpoint can be used, or those of a run that has had some are gone
 */
export async function resumedState(
  folder: RunFolder,
  config: RunConfig,
  program: TrainingProgram,
  { onEvent, signal }: Listening,
): Promise<Start> {
  const start = await lastGoodState(folder, config, program, onEvent);
  signal.throwIfAborted();
  if (!start) {
    // Networks are exported after a checkpoint.
    if (await pathExists(folder.generator))
      throw new InputError(
        `${folder.path}: its checkpoints are gone, and a start from step 0 would write over its generator.onnx; put them back into ${folder.checkpoints}, or use another --out`,
      );
    onEvent({
      type: 'warning',
      message: `${folder.path}: no checkpoint to resume from; starts at step 0`,
    });
    return freshState(program, config.seed, signal);
  }
  if (start.step > config.steps)
    throw new InputError(
      `${folder.path}: is at step ${start.step} already, beyond the ${config.steps} asked for; ask for more`,
    );
  return start;
}

/**
 * The newest checkpoint that is whole; undefined where there is none at all.
 *
 * @throws InputError where there are some and all are damaged: going on from the start would write over them
 */
export async function lastGoodState(
  folder: RunFolder,
  config: RunConfig,
  program: TrainingProgram,
  onEvent: (event: TrainEvent) => void,
): Promise<Start | undefined> {
  const { checkpoint, passedOver } = await latestCheckpoint(folder.path);
  if (!checkpoint) {
    const [newest] = passedOver;
    if (!newest) return undefined;
    throw new InputError(
      `${folder.path}: none of its ${passedOver.length} checkpoints can be used; ${newest.reason}; put a whole one there, or use another --out`,
    );
  }
  for (const { folder: path, reason } of passedOver)
    onEvent({ type: 'warning', message: `${path}: passed over (${reason})` });
  const stored = parseRunConfig(checkpoint.manifest.config, checkpoint.folder);
  checkSameSettings(stored, config, checkpoint.folder);
  checkSameData(stored, config, checkpoint.folder);
  checkState(program, checkpoint.tensors, checkpoint.folder);
  return {
    step: checkpoint.step,
    tensors: checkpoint.tensors,
    progress: parseProgress(checkpoint.manifest, checkpoint.folder),
  };
}
