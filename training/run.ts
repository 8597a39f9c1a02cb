import type { RunFolder } from '../artifacts/run-folder.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import type { Dataset } from './data/dataset.ts';
import type { Engine } from './engine/engine.ts';
import type { TrainEvent } from './events.ts';
import type { ImportedNetworks } from './imported.ts';
import type { Progress } from './progress.ts';
import type { RunConfig } from './run-config.ts';

/** How a run is stopped, and whom it tells. */
export interface Listening {
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainEvent) => void;
}

/** How far training has come. */
export interface Position {
  readonly step: number;
  readonly progress: Progress;
}

/** All that a training needs, ready to step. */
export interface Run {
  readonly imports: ImportedNetworks;
  readonly config: RunConfig;
  readonly program: TrainingProgram;
  readonly dataset: Dataset;
  /** Whether the engine has the data, and is told places in them. */
  readonly resident: boolean;
  readonly folder: RunFolder;
  readonly engine: Engine;
  /** Threads that it has, which are part of the result. */
  readonly threads: number;
  readonly start: Position;
  readonly deadlineMinutes: number | undefined;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal;
}
