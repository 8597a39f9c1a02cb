import type * as Ort from 'onnxruntime-node';
import type { Move } from '../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../graph-builder/types.ts';

/** The tensors of a state after a run: what it put out as `next/<name>`, and what it left as it was. */
export const advanced = (
  tensors: ReadonlyMap<string, Ort.Tensor>,
  results: Ort.InferenceSession.OnnxValueMapType,
): Map<string, Ort.Tensor> =>
  new Map([...tensors].map(([name, value]) => [name, results[`next/${name}`] ?? value]));

/** The training state between two runs; where it lies, and in which form, only its implementations know. */
export interface TrainingState {
  /** Takes the place of the whole state, and takes over the buffers of the tensors. */
  restore(tensors: ReadonlyMap<string, Tensor>): void;
  /** What the training graph is fed. */
  readonly feeds: ReadonlyMap<string, Ort.Tensor>;
  /** Takes what a run put out as `next/<name>`, and frees what that replaces. */
  advance(results: Ort.InferenceSession.OnnxValueMapType): void;
  /** Gives tensors the values of others, one after the other. */
  move(moves: readonly Move[]): void;
  /** A tensor as its network has it, to be fed to a session on the same device. */
  plain(name: string): Ort.Tensor;
  /** A copy of the whole state as the networks have it. */
  all(): Promise<Map<string, Tensor>>;
  dispose(): Promise<void>;
}
