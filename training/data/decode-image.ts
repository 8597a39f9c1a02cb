import { loadSharp } from '../../artifacts/sharp.ts';
import { planeCover } from './cover.ts';
import { ACCEPTED_IMAGES, describeHead, isImage, knownType } from './file-types.ts';

/** sharp's own limit. A small file can unpack to more than fits in memory. */
const maxPixels = 16383 ** 2;

/**
 * Decodes one PNG, JPEG or WebP image (of an animation the first frame) to planar uint8: [1, size, size] if it is
 * grey throughout or `channels` is 1, else [3, size, size]. Turned upright by its EXIF orientation, converted to
 * 8-bit sRGB, transparency laid over black, then resized until it covers the square and cropped at its centre.
 * @throws Error for anything damaged or too large: an image is never half decoded. The decoder's own words are its `cause` only:
 * libvips keeps one error text for the whole process, so beside other images being decoded it may be another's.
 * @throws PackageError where sharp does not load, which says nothing of the image
 */
export async function decodeImage(
  bytes: Uint8Array,
  size: number,
  channels: 'auto' | 1 | 3,
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  if (bytes.length === 0) throw new Error('empty file');
  // sharp decodes more types (SVG among them), so that a name that lies would go unnoticed.
  if (!isImage(bytes)) throw new Error(`not a ${ACCEPTED_IMAGES} image but ${describeHead(bytes)}`);
  // 'warning' is the strictest level. The next one accepts a JPEG whose second half is missing.
  const { data, info } = await sharp(bytes, {
    autoOrient: true,
    failOn: 'warning',
    limitInputPixels: maxPixels,
  })
    .flatten({ background: '#000' })
    .resize(size, size, { fit: 'outside', withoutEnlargement: true })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch(async (cause: unknown) => {
      throw new Error((await excess(bytes)) ?? `damaged or incomplete ${knownType(bytes)} image`, { cause });
    });
  const planes = info.channels === 1 || isGrey(data) ? 1 : 3;
  const cover = planeCover(info.width, info.height, size);
  const out = new Uint8Array(planes * size * size);
  const plane = new Uint8Array(info.width * info.height);
  for (let c = 0; c < planes; c++) {
    for (let i = 0; i < plane.length; i++) plane[i] = data[i * info.channels + c]!;
    cover(plane, out.subarray(c * size * size, (c + 1) * size * size));
  }
  return out;
}

/** What to say of an image of too many pixels; undefined of others. Only its header is read. */
async function excess(bytes: Uint8Array): Promise<string | undefined> {
  const sharp = await loadSharp();
  const size = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (!size || size.width * size.height <= maxPixels) return undefined;
  return `${size.width} x ${size.height} pixels, more than the ${maxPixels} (16383 x 16383) that are decoded`;
}

/** Whether red, green and blue are equal in every pixel of interleaved RGB. */
function isGrey(rgb: Uint8Array): boolean {
  for (let i = 0; i < rgb.length; i += 3) {
    if (rgb[i] !== rgb[i + 1] || rgb[i] !== rgb[i + 2]) return false;
  }
  return true;
}
