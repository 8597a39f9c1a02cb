/** Figures of a generator's samples, by name. */
export type Scores = Readonly<Record<string, number>>;

/** What says how good samples are, for one kind of data. */
export interface Judge {
  /** Data that samples are compared with. */
  readonly reference: number;
  /** Samples that it wants. */
  readonly samples: number;
  /** Names of its figures, the most telling first, and how they are written. */
  readonly columns: readonly { readonly name: string; readonly format: (value: number) => string }[];
  score(samples: Float32Array): Promise<Scores>;
  dispose(): Promise<void>;
}
