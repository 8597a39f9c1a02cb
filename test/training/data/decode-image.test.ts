import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../training/data/decode-image.ts';
import { busyJpeg, picture } from './fixtures.ts';

const SIZE = 16;
/** Values at the middle of each plane. */
async function middle(bytes: Uint8Array, channels: 'auto' | 1 | 3 = 'auto'): Promise<number[]> {
  const image = await decodeImage(bytes, SIZE, channels);
  const plane = SIZE * SIZE;
  return Array.from({ length: image.length / plane }, (_, c) => image[c * plane + plane / 2 + SIZE / 2]!);
}
const flat = (channels: 1 | 2 | 3 | 4, ...values: number[]): Sharp =>
  picture(SIZE, SIZE, channels, (_x, _y, c) => values[c]!);

describe('decodeImage', () => {
  it('reads PNG, JPEG and WebP', async () => {
    expect(await middle(await flat(3, 200, 100, 50).png().toBuffer())).toEqual([200, 100, 50]);
    const near = [expect.closeTo(200, -0.7), expect.closeTo(100, -0.7), expect.closeTo(50, -0.7)];
    expect(await middle(await flat(3, 200, 100, 50).jpeg().toBuffer())).toEqual(near);
    expect(await middle(await flat(3, 200, 100, 50).webp().toBuffer())).toEqual(near);
  });

  it('keeps grey images as one plane', async () => {
    expect(await middle(await flat(1, 123).png().toBuffer())).toEqual([123]);
    expect(await middle(await flat(1, 123).jpeg().toBuffer())).toEqual([123]);
    expect(await middle(await flat(3, 123, 123, 123).png().toBuffer(), 1)).toEqual([123]);
  });

  it('lays transparency over black', async () => {
    expect(await middle(await flat(4, 200, 100, 50, 128).png().toBuffer())).toEqual([100, 50, 25]);
    expect(await middle(await flat(4, 200, 100, 50, 0).webp({ lossless: true }).toBuffer())).toEqual([0]);
    expect(await middle(await flat(2, 200, 128).png().toBuffer())).toEqual([100]);
  });

  it('reduces 16 bits to 8', async () => {
    const deep = (values: number[], space: 'rgb16' | 'grey16'): Promise<Buffer> =>
      sharp(
        Uint16Array.from({ length: SIZE * SIZE * values.length }, (_, i) => 257 * values[i % values.length]!),
        { raw: { width: SIZE, height: SIZE, channels: values.length as 1 | 3 | 4 } },
      )
        .toColourspace(space)
        .png()
        .toBuffer();
    const grey = await deep([99], 'grey16');
    expect((await sharp(grey).metadata()).depth).toBe('ushort');
    expect(await middle(grey)).toEqual([99]);
    expect(await middle(await deep([10, 200, 90], 'rgb16'))).toEqual([10, 200, 90]);
    expect(await middle(await deep([10, 200, 90, 255], 'rgb16'))).toEqual([10, 200, 90]);
  });

  it('converts CMYK to RGB', async () => {
    const bytes = await flat(3, 255, 0, 0).toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(bytes).metadata()).space).toBe('cmyk');
    const [red, green, blue] = await middle(bytes);
    expect(red).toBeGreaterThan(200);
    expect(green).toBeLessThan(40);
    expect(blue).toBeLessThan(40);
  });

  it('turns images upright by their EXIF orientation', async () => {
    // White at the left; orientation 6 says that the left side belongs on top.
    const bytes = await picture(SIZE, SIZE, 1, (x) => (x < SIZE / 2 ? 255 : 0))
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const image = await decodeImage(bytes, SIZE, 1);
    expect([...image.subarray(0, SIZE)]).toEqual(new Array(SIZE).fill(255));
    expect([...image.subarray(-SIZE)]).toEqual(new Array(SIZE).fill(0));
  });

  it.each([
    ['wide and large', 300, 100],
    ['tall and large', 90, 201],
    ['wide and small', 12, 6],
    ['tall and small', 5, 11],
    ['flat', 300, 4],
    ['one pixel', 1, 1],
  ])('covers and crops at the centre: %s', async (_what, width, height) => {
    // A bright square in the middle third of the shorter side, dark around it, and red beyond the crop.
    const shorter = Math.min(width, height);
    const bytes = await picture(width, height, 3, (x, y, c) => {
      const away = Math.max(Math.abs(x + 0.5 - width / 2), Math.abs(y + 0.5 - height / 2));
      if (away > shorter / 2 + shorter * 0.3) return c === 0 ? 255 : 0;
      return away < shorter / 6 + 0.5 ? 240 : 20;
    })
      .png()
      .toBuffer();
    const image = await decodeImage(bytes, SIZE, 3);
    const plane = SIZE * SIZE;
    const grey = image.length === plane;
    expect(image[plane / 2 + SIZE / 2]).toBeGreaterThan(200);
    if (!grey) {
      for (let i = 0; i < plane; i++) expect(Math.abs(image[i]! - image[plane + i]!)).toBeLessThan(60);
    }
    const row = image.subarray((SIZE / 2) * SIZE, (SIZE / 2 + 1) * SIZE);
    if (shorter >= 5) expect(Math.max(row[0]!, row[SIZE - 1]!)).toBeLessThan(60);
  });

  it('refuses every cut of an image', async () => {
    const jpeg = await busyJpeg();
    const images = {
      jpeg,
      progressive: await sharp(jpeg).jpeg({ progressive: true }).toBuffer(),
      // Large enough to be shrunk while it is decoded.
      large: await sharp(jpeg).resize(800, 800, { kernel: 'nearest' }).jpeg().toBuffer(),
      png: await sharp(jpeg).png().toBuffer(),
      webp: await sharp(jpeg).webp().toBuffer(),
    };
    for (const [name, bytes] of Object.entries(images)) {
      await expect(decodeImage(bytes, SIZE, 'auto'), name).resolves.toBeDefined();
      for (const part of [0.1, 0.5, 0.9]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        await expect(decodeImage(cut, SIZE, 'auto'), `${name} at ${part}`).rejects.toThrow();
      }
    }
  });

  it('refuses a JPEG whose second half is missing though it ends properly', async () => {
    const jpeg = await busyJpeg();
    const closed = Buffer.concat([jpeg.subarray(0, jpeg.length >> 1), Buffer.from([0xff, 0xd9])]);
    await expect(decodeImage(closed, SIZE, 'auto')).rejects.toThrow('damaged or incomplete JPEG image');
  });

  it('says of an image of too many pixels how large it is', async () => {
    const png = await flat(1, 1).png().toBuffer();
    // The header chunk: its type begins at byte 12, then width and height, and its checksum is at 29.
    png.writeUInt32BE(17000, 16);
    png.writeUInt32BE(17001, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    await expect(decodeImage(png, SIZE, 'auto')).rejects.toThrow(
      '17000 x 17001 pixels, more than the 268402689 (16383 x 16383) that are decoded',
    );
  });

  it('refuses other types, whatever sharp could do with them', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(decodeImage(svg, SIZE, 'auto')).rejects.toThrow(
      'not a PNG, JPEG or WebP image but unknown type (3c 73 76 67 20 78 6d 6c)',
    );
    const gif = await flat(3, 1, 2, 3).gif().toBuffer();
    await expect(decodeImage(gif, SIZE, 'auto')).rejects.toThrow('not a PNG, JPEG or WebP image but GIF');
  });
});
