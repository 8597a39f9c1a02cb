/** What `openDataset` accepts, for error messages. */
export const ACCEPTED_SOURCES =
  'a folder or a tar archive (.tar, .tar.gz) of images, or an IDX file (plain or .gz)';

/** Image types that are decoded, for error messages. */
export const ACCEPTED_IMAGES = 'PNG, JPEG or WebP';

/** Whether a file of this name is taken for an image. */
export function hasImageExtension(path: string): boolean {
  return /\.(png|jpe?g|webp)$/i.test(path);
}

const SIGNATURES: readonly [name: string, offset: number, bytes: string][] = [
  ['PNG', 0, '\x89PNG\r\n\x1a\n'],
  ['JPEG', 0, '\xff\xd8\xff'],
  ['WebP', 8, 'WEBP'],
  ['GIF', 0, 'GIF8'],
  ['BMP', 0, 'BM'],
  ['TIFF', 0, 'II*\0'],
  ['TIFF', 0, 'MM\0*'],
  ['zip', 0, 'PK\x03\x04'],
  ['xz', 0, '\xfd7zXZ\0'],
  ['zstd', 0, '\x28\xb5\x2f\xfd'],
  ['bzip2', 0, 'BZh'],
  ['7z', 0, "7z\xbc\xaf'\x1c"],
  ['gzip', 0, '\x1f\x8b'],
  ['NumPy', 0, '\x93NUMPY'],
  ['HDF5', 0, '\x89HDF'],
  ['Parquet', 0, 'PAR1'],
  ['PDF', 0, '%PDF'],
];

/** The file type that the first bytes give away; undefined when they are of none known here. */
export function knownType(head: Uint8Array): string | undefined {
  return SIGNATURES.find(([, offset, bytes]) =>
    Array.from(bytes).every((character, i) => head[offset + i] === character.charCodeAt(0)),
  )?.[0];
}

/** Whether the first bytes are of an image type that is decoded. */
export function isImage(head: Uint8Array): boolean {
  return ['PNG', 'JPEG', 'WebP'].includes(knownType(head) ?? '');
}

/** Says in an error message what a file begins with, e.g. `zip (50 4b 03 04 14 00 00 00)`. */
export function describeHead(head: Uint8Array): string {
  const hex = Array.from(head.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `${knownType(head) ?? 'unknown type'} (${hex})`;
}

/** Whether the first 512 bytes are a tar header: its checksum must be right, which old archives have as well. */
export function isTar(head: Uint8Array): boolean {
  if (head.length < 512) return false;
  const stored = parseInt(Buffer.from(head.subarray(148, 156)).toString('latin1').replaceAll('\0', ' '), 8);
  let sum = 0;
  // The checksum's own field counts as eight spaces.
  for (let i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? 32 : head[i]!;
  return sum === stored;
}
