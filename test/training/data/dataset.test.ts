import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sharedFolder } from '../../temporary-folder.ts';
import { abortedInside, expectRefusal, flatPng, idxBytes, openSmall, writeFiles } from './fixtures.ts';

const root = sharedFolder();
const ACCEPTED =
  'accepted: a folder or a tar archive (.tar, .tar.gz) of images, or an IDX file (plain or .gz)';

describe('openDataset', () => {
  it('opens the 10,000 digits of the package, unchanged at their own size', async () => {
    const digits = await openSmall(undefined, { size: 28 });
    expect(digits).toMatchObject({ name: 'digits', kind: 'images', count: 10_000, dtype: 'uint8' });
    expect(digits.sampleShape).toEqual([1, 28, 28]);
    expect(digits.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect([...digits.labels!.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    expect(digits.skipped).toEqual([]);
    // The mean of MNIST's test images is 0.1325 (of 1).
    const mean =
      (digits.data as Uint8Array).reduce((sum, value) => sum + value, 0) / digits.data.length / 255;
    expect(mean).toBeCloseTo(0.1325, 4);
  });

  it('resizes all digits in reasonable time, keeping their brightness', async () => {
    const start = performance.now();
    const digits = await openSmall('digits', { size: 32 });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(digits.data).toHaveLength(10_000 * 32 * 32);
    const mean =
      (digits.data as Uint8Array).reduce((sum, value) => sum + value, 0) / digits.data.length / 255;
    expect(mean).toBeCloseTo(0.1325, 2);
  });

  it.each([3, 1025, 27.5, NaN])('refuses size %d', async (size) => {
    await expectRefusal(openSmall(undefined, { size }), `size: ${size} is not a whole number from 4 to 1024`);
  });

  it('says that a path is missing', async () => {
    const path = join(root, 'missing');
    await expectRefusal(openSmall(path), `${path}: cannot read: no such file or folder (ENOENT)`);
    const file = join(writeFiles(join(root, 'plain'), { 'a.txt': 'x' }), 'a.txt', 'inside');
    await expectRefusal(
      openSmall(file),
      `${file}: cannot read: a part of the path is a file, not a folder (ENOTDIR)`,
    );
  });

  it('says why a path cannot be read', async () => {
    const loop = join(root, 'loop');
    symlinkSync(loop, loop);
    await expectRefusal(
      openSmall(loop),
      `${loop}: cannot read: a symbolic link leads back to itself (ELOOP)`,
    );
  });

  it.skipIf(process.platform === 'win32')(
    'refuses what is neither a file nor a folder (skipped on Windows, which has no such files)',
    async () => {
      const pipe = join(root, 'pipe');
      execFileSync('mkfifo', [pipe]);
      await expectRefusal(openSmall(pipe), `${pipe}: neither a file nor a folder`);
    },
  );

  it.each<[string, Uint8Array | string, string]>([
    ['empty', '', 'empty file; '],
    ['a.zip', 'PK\x03\x04rest', 'unsupported file type: zip (50 4b 03 04 72 65 73 74); '],
    ['a.txt', 'hello', 'unsupported file type: unknown type (68 65 6c 6c 6f); '],
    ['zeros', new Uint8Array(600), 'unsupported file type: unknown type (00 00 00 00 00 00 00 00); '],
    ['a.gz', gzipSync('hello'), 'unsupported file type: gzip of unknown type (68 65 6c 6c 6f); '],
    ['bad.gz', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff, 0xff]), 'corrupt gzip file; '],
  ])('refuses the file %s', async (name, content, message) => {
    const path = join(writeFiles(join(root, 'types'), { [name]: content }), name);
    await expectRefusal(openSmall(path), `${path}: ${message}${ACCEPTED}`);
  });

  it('asks for the folder of a single image', async () => {
    const path = join(writeFiles(join(root, 'single'), { 'a.png': await flatPng([9]) }), 'a.png');
    await expectRefusal(openSmall(path), `${path}: a single image; name the folder that holds the images`);
  });

  it('opens a mixture by name, unless a path has that name', async () => {
    expect(await openSmall('ring8')).toMatchObject({ name: 'ring8', kind: 'points' });
    expect(await openSmall('grid25')).toMatchObject({ name: 'grid25', kind: 'points' });
    writeFiles(join(root, 'cwd', 'ring8'), { 'a.png': await flatPng([9]) });
    const before = process.cwd();
    process.chdir(join(root, 'cwd'));
    try {
      expect(await openSmall('ring8')).toMatchObject({ name: 'ring8', kind: 'images', count: 1 });
    } finally {
      process.chdir(before);
    }
  });

  it('stops when the signal is aborted, before and during the work', async () => {
    const reason = new Error('stopped');
    await expect(openSmall(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const { signal, asked } = abortedInside(reason);
    await expect(openSmall(undefined, { signal })).rejects.toBe(reason);
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('gives the same bytes every time', async () => {
    const path = join(root, 'same-idx3-ubyte');
    writeFiles(root, { 'same-idx3-ubyte': idxBytes([20, 9, 7]) });
    const hash = async (): Promise<string> =>
      createHash('sha256')
        .update((await openSmall(path)).data)
        .digest('hex');
    expect(await hash()).toBe(await hash());
  });
});
