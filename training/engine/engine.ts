import type { Device } from '../../artifacts/device.ts';
import type { Layout } from '../../graph-builder/rewrites/layout.ts';
import type { Move } from '../../graph-builder/techniques/technique.ts';
import type { Tensor } from '../../graph-builder/types.ts';

/** All an engine needs; plain data, so that it can cross into a worker. */
export interface EngineSpec {
  /** `loop` runs K steps in one call (CPU, CUDA); `step` runs one a call (WebGPU, which has no Loop). */
  readonly driver: 'loop' | 'step';
  readonly trainingModel: Uint8Array;
  /** Generator with its weights as inputs. */
  readonly samplerModel: Uint8Array;
  /** How the training model takes and gives the tensors of the state that it does not store plainly, by name. */
  readonly layouts: ReadonlyMap<string, Layout>;
  /** Input of the sampler -> state tensor that feeds it. */
  readonly samplerWeights: ReadonlyMap<string, string>;
  /** Given where the state stays on the device between runs. */
  readonly onDevice?: OnDevice;
  readonly device: Device;
  /** Threads of onnxruntime. */
  readonly threads: number;
}

/** What it takes to leave the state on the device, and to see it none the less. */
export interface OnDevice {
  /** Tensors that the training model puts out as `next/<name>`. */
  readonly carried: readonly string[];
  /** Model that copies each tensor of the state, the parked ones too, from `<name>` to `host/<name>`. */
  readonly download: Uint8Array;
}

/** K steps' worth of input. */
export interface Chunk {
  readonly steps: number;
  /** Step counter of the first of them. */
  readonly step: number;
  readonly seed: number;
  /** [K, R, ...sample], R samples a step; int32 [K, R], their places, where the training model has the data */
  readonly real: Tensor;
  /** int32 [K, R], of a program that trains on labels. */
  readonly labels?: Tensor;
  /** [K, controls] */
  readonly controls: Tensor;
}

export interface ChunkResult {
  /** [K, telemetry], row-major. */
  readonly telemetry: Float32Array;
  /** Time inside onnxruntime. */
  readonly milliseconds: number;
}

/** Holds the training state and runs steps on it. Calls run one after the other, `restore` before any but `ready`. */
export interface Engine {
  /** Resolves when the session is made; rejects where the device or the model does not work. */
  ready(): Promise<void>;
  /** Does the steps of a chunk, whose data belong to the engine from then on. */
  run(chunk: Chunk): Promise<ChunkResult>;
  /** A copy of the whole state, also after a chunk that failed as a whole; rejects after one that was done in part. */
  state(): Promise<Map<string, Tensor>>;
  /**
   * Takes the place of the whole state. The tensors belong to the engine from then on. Those that the training model
   * does not take are left as they are, for moves.
   */
  restore(state: ReadonlyMap<string, Tensor>): Promise<void>;
  /** Gives state tensors the values of others, one move after the other. */
  move(moves: readonly Move[]): Promise<void>;
  /** Output of the generator for `z` [n, zDim], with the weights as they are now; `labels` int32 [n] if it takes some. */
  generate(z: Tensor, seed: number, labels?: Tensor): Promise<Tensor>;
  dispose(): Promise<void>;
}
