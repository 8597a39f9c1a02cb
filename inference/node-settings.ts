import type { Names } from './arguments.ts';
import type { Optimization } from './settings.ts';

// What users see of onnxruntime-node's settings, without its types: it is an optional dependency.

export type Device = 'cpu' | 'cuda' | `cuda:${number}` | 'webgpu';

export interface SessionSettings {
  /** Default `cpu`. */
  readonly device?: Device;
  /** Threads of onnxruntime, 1 to 1024; default as many as there are cores. */
  readonly threads?: number;
  /** What onnxruntime may do to the graph; default `all`. Less loads faster and runs slower. */
  readonly optimization?: Optimization;
}

export const sessionSettings: Names<SessionSettings> = { device: true, threads: true, optimization: true };
