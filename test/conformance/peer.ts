import type { Optimization } from '../../inference/settings.ts';

/** A call of `sample`, as plain data: it crosses into browsers and Python. */
export interface Call {
  readonly n: number;
  readonly seed: number;
  /** n x zDim numbers; drawn by the seed where absent. */
  readonly z?: readonly number[];
  readonly label?: number;
}

/** A runtime that can be asked to draw. */
export interface Peer {
  /** Loads a model, makes the calls, lets it go; the data of each. */
  readonly draw: (
    model: Uint8Array,
    optimization: Optimization,
    calls: readonly Call[],
  ) => Promise<Float32Array[]>;
  readonly close: () => Promise<void>;
}

export interface RuntimeUnderTest {
  readonly name: string;
  /** Why it cannot be asked here. */
  readonly lacks: string | undefined;
  readonly open: () => Promise<Peer>;
}
