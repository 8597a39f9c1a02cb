import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const root = join(import.meta.dirname, '../..');

const unpacked = new Map<string, Promise<Buffer>>();

/** A file of the digits that ship with ganx, unpacked once; a copy, as callers write into it. */
async function shippedDigits(name: string): Promise<Buffer> {
  const path = join(root, 'training/data/digits', `${name}.gz`);
  if (!unpacked.has(name))
    unpacked.set(
      name,
      readFile(path).then((bytes) => gunzipSync(bytes)),
    );
  return Buffer.from(await unpacked.get(name)!);
}

/** The first `count` of the digits that ship with ganx, as plain IDX files in a folder. */
export async function writeDigits(folder: string, count: number): Promise<string> {
  const cut = async (name: string, header: number, bytes: number) => {
    const file = (await shippedDigits(name)).subarray(0, header + count * bytes);
    file.writeUInt32BE(count, 4);
    await writeFile(join(folder, name), file);
  };
  await cut('t10k-images-idx3-ubyte', 16, 28 * 28);
  await cut('t10k-labels-idx1-ubyte', 8, 1);
  return folder;
}

/** A network that trains in milliseconds a step. */
export const tiny = ['--size', '16', '--batch', '8', '--set', 'network.filters=4', '--set', 'network.zDim=8'];
