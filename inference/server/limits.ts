/** What a server takes on at most; each is an option of `ganx serve`. */
export interface Limits {
  /** Samples or frames of a request. */
  readonly maxSamples: number;
  /** Samples of all requests that are accepted and not answered to the end. */
  readonly maxQueue: number;
}

export const defaultLimits: Limits = { maxSamples: 256, maxQueue: 2048 };

/** Bytes of a request's body: room for two latents, spelled out. */
export const bodyLimit = (zDim: number): number => 16_384 + 2 * 32 * zDim;
