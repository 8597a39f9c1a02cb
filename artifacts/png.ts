export interface ImageShape {
  /** 1 (grey) or 3 (RGB) */
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** What image libraries open without being asked to. */
export const maxPixels = 2 ** 28;

/** Interleaved bytes, [H, W, C], as a PNG. sharp is loaded when it is first needed: it costs 50 ms. */
export async function encodePng(
  pixels: Uint8ClampedArray,
  { channels, height, width }: ImageShape,
): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  const raw = { width, height, channels: channels as 1 | 3 };
  const image = sharp(pixels, { raw, limitInputPixels: maxPixels });
  // A single channel would be written as three.
  return (channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer();
}
