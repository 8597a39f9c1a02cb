export interface ImageShape {
  /** 1 (grey) or 3 (RGB) */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Interleaved bytes, [H, W, C]. */
export interface Picture extends ImageShape {
  readonly pixels: Uint8ClampedArray;
}

/** What image libraries open without being asked to. */
export const maxPixels = 2 ** 28;
