import type { Telemetry } from '../graph-builder/program.ts';
import type { Execution } from './autotune/execution.ts';
import type { Tuning } from './autotune/search.ts';
import type { PeakMemory } from './memory.ts';
import type { Verdict } from './monitor/verdict.ts';

/** What a training run tells while it goes on; `--json` prints these as they are. */
export type TrainEvent =
  /** How the training is run: what was measured to be the fastest, now or, where it `isKept`, in an earlier run. */
  | ({ readonly type: 'tuned'; readonly usual: Execution; readonly isKept: boolean } & Tuning)
  | {
      readonly type: 'start';
      readonly folder: string;
      readonly recipe: string;
      readonly data: string;
      readonly samples: number;
      readonly sampleShape: readonly number[];
      /** Files that could not be read and folders of runs, and why they were left out. */
      readonly skipped: readonly { readonly file: string; readonly reason: string }[];
      readonly device: string;
      /** Why this device; only where it was chosen by `auto`. */
      readonly deviceReason?: string;
      readonly threads: number;
      readonly fromStep: number;
      readonly steps: number;
      readonly batch: number;
      readonly parameters: {
        readonly generator: number;
        readonly discriminator: number;
        readonly encoder?: number;
      };
    }
  | ({
      readonly type: 'step';
      readonly step: number;
      readonly steps: number;
      /** Real images shown so far. */
      readonly images: number;
      /** Since the run started, earlier parts included. */
      readonly seconds: number;
      readonly imagesPerSecond: number;
    } & Telemetry)
  | {
      readonly type: 'sample';
      readonly step: number;
      readonly file: string;
      /** How different the samples are from each other; near 1 is as different as those of the data. */
      readonly diversity: number;
    }
  | { readonly type: 'checkpoint'; readonly step: number; readonly folder: string }
  | { readonly type: 'warning'; readonly message: string }
  /** Something that was done as it had to be, and that one should know. */
  | { readonly type: 'note'; readonly message: string }
  /** What the monitor has found. */
  | ({ readonly type: 'verdict' } & Verdict)
  /** Training diverged and goes on from an earlier state, with the learning rates of the recipe times `rateScale`. */
  | { readonly type: 'rollback'; readonly step: number; readonly to: number; readonly rateScale: number }
  | {
      readonly type: 'end';
      readonly outcome: 'done' | 'stopped' | 'diverged';
      readonly step: number;
      readonly images: number;
      readonly seconds: number;
      readonly folder: string;
      /** Step of the newest checkpoint; null where none was saved. */
      readonly checkpoint: number | null;
      /** Share of the wall time that was not spent inside onnxruntime. */
      readonly hostShare: number;
      readonly peakMemory: PeakMemory;
    };
