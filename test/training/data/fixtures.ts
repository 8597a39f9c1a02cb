import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { pack } from 'tar-stream';
import { expect, vi } from 'vitest';
import { InputError } from '../../../artifacts/errors.ts';
import { openDataset, type DataOptions, type Dataset } from '../../../training/data/dataset.ts';

/** Writes files (path relative to `folder` to content) and returns `folder`. */
export function writeFiles(folder: string, files: Record<string, Uint8Array | string>): string {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

/** An IDX file of the given shape; the values count up from 0 modulo 251 unless given. */
export function idxBytes(shape: readonly number[], values?: readonly number[], type = 0x08): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, type, shape.length]);
  for (const [axis, length] of shape.entries()) header.writeUInt32BE(length, 4 + 4 * axis);
  const size = shape.reduce((a, b) => a * b, 1);
  return Buffer.concat([header, Buffer.from(values ?? Array.from({ length: size }, (_, i) => i % 251))]);
}

/** A raw uint8 sharp image of `channels` (1 to 4) whose value at (x, y, channel) `value` gives. */
export function picture(
  width: number,
  height: number,
  channels: 1 | 2 | 3 | 4,
  value: (x: number, y: number, channel: number) => number,
): Sharp {
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    data[i] = value(pixel % width, Math.floor(pixel / width), i % channels);
  }
  const image = sharp(data, { raw: { width, height, channels } });
  return channels < 3 ? image.toColourspace('b-w') : image;
}

/** A PNG of one colour: one value is grey, three are RGB. */
export function flatPng(colour: readonly number[], size = 8): Promise<Buffer> {
  return picture(size, size, colour.length as 1 | 3, (_x, _y, c) => colour[c]!)
    .png()
    .toBuffer();
}

/** A busy 64 x 64 JPEG, so that its data are long enough to be cut in the middle. */
export function busyJpeg(): Promise<Buffer> {
  return picture(64, 64, 3, (x, y, c) => (x * 7919 + y * 104729 + c * 31) % 256)
    .jpeg()
    .toBuffer();
}

/** A tar archive of the files, in their order; null content makes a symbolic link. */
export async function tarBytes(files: Record<string, Uint8Array | null>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) {
    if (content) archive.entry({ name }, Buffer.from(content));
    else if (name.endsWith('/')) archive.entry({ name, type: 'directory' });
    else archive.entry({ name, type: 'symlink', linkname: 'elsewhere.png' });
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Opens with 8 x 8 images unless told otherwise. */
export function openSmall(source: string | undefined, options: Partial<DataOptions> = {}): Promise<Dataset> {
  return openDataset(source, { size: 8, channels: 'auto', ...options });
}

/** A signal that is aborted once work has begun: when it is asked for the second time. */
export function abortedInside(reason: Error) {
  const controller = new AbortController();
  const { signal } = controller;
  const asked = vi.spyOn(signal, 'throwIfAborted').mockImplementation(() => {
    if (asked.mock.calls.length > 1) controller.abort(reason);
    if (signal.aborted) throw reason;
  });
  return { signal, asked };
}

/** Expects an InputError of exactly this message. */
export async function expectRefusal(result: Promise<unknown>, message: string | RegExp): Promise<void> {
  const error: unknown = await result.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  const found = (error as InputError).message;
  if (typeof message === 'string') expect(found).toBe(message);
  else expect(found).toMatch(message);
}
