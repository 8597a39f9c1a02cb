import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sharedFolder } from '../../temporary-folder.ts';
import { expectRefusal, idxBytes, openSmall, writeFiles } from './fixtures.ts';

const root = sharedFolder();
let folders = 0;
const folderOf = (files: Record<string, Uint8Array | string>): string =>
  writeFiles(join(root, String(folders++)), files);
const images = idxBytes([3, 8, 8]);
const labels = idxBytes([3], [5, 2, 5]);

describe('an IDX images file', () => {
  it('alone is unlabelled, and its pixels are untouched at their own size', async () => {
    const path = join(folderOf({ 'pictures.bin': images }), 'pictures.bin');
    const dataset = await openSmall(path);
    expect(dataset).toMatchObject({ name: path, count: 3, sampleShape: [1, 8, 8], classes: [] });
    expect(dataset.labels).toBeUndefined();
    expect(Buffer.from(dataset.data as Uint8Array).equals(images.subarray(16))).toBe(true);
  });

  it('pairs with the labels beside it; classes are the labels that occur', async () => {
    const folder = folderOf({ 'x-images-idx3-ubyte.gz': gzipSync(images), 'x-labels-idx1-ubyte': labels });
    const dataset = await openSmall(join(folder, 'x-images-idx3-ubyte.gz'));
    expect(dataset.classes).toEqual(['2', '5']);
    expect([...dataset.labels!]).toEqual([1, 0, 1]);
  });

  it('is known by its content: a gzipped file without .gz and a plain one with it', async () => {
    const folder = folderOf({ plain: gzipSync(images), 'named.gz': images });
    expect(await openSmall(join(folder, 'plain'))).toMatchObject({ count: 3 });
    expect(await openSmall(join(folder, 'named.gz'))).toMatchObject({ count: 3 });
  });

  it('fills three channels with grey when asked', async () => {
    const path = join(folderOf({ a: images }), 'a');
    const grey = (await openSmall(path)).data;
    const { data, sampleShape } = await openSmall(path, { channels: 3 });
    expect(sampleShape).toEqual([3, 8, 8]);
    for (let i = 0; i < 3; i++) {
      for (let c = 0; c < 3; c++) {
        const plane = data.subarray((i * 3 + c) * 64, (i * 3 + c + 1) * 64);
        expect([...plane]).toEqual([...grey.subarray(i * 64, (i + 1) * 64)]);
      }
    }
  });
});

describe('an IDX folder', () => {
  it('uses train- and not t10k-', async () => {
    const test = { 't10k-images-idx3-ubyte': idxBytes([1, 8, 8]), 't10k-labels-idx1-ubyte': idxBytes([1]) };
    const both = folderOf({ ...test, 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels });
    expect(await openSmall(both)).toMatchObject({ name: both, count: 3, classes: ['2', '5'] });
    expect(await openSmall(folderOf(test))).toMatchObject({ count: 1, classes: ['0'] });
  });

  it('takes the plain file of a plain and a gzipped copy', async () => {
    const folder = folderOf({
      'train-images-idx3-ubyte': images,
      'train-images-idx3-ubyte.gz': gzipSync(idxBytes([1, 8, 8])),
    });
    expect(await openSmall(folder)).toMatchObject({ count: 3, classes: [] });
  });

  it('asks which when there are several', async () => {
    const folder = folderOf({ 'a-images-idx3-ubyte': images, 'b-images-idx3-ubyte': images });
    await expectRefusal(
      openSmall(folder),
      `${folder}: several IDX images files; name one of them: a-images-idx3-ubyte, b-images-idx3-ubyte`,
    );
  });
});

describe('a bad IDX file is refused:', () => {
  const gz = gzipSync(images);
  const flipped = Buffer.from(gz);
  flipped[gz.length - 6]! ^= 0xff;
  it.each<[string, Uint8Array, string | RegExp]>([
    ['truncated', images.subarray(0, 100), 'truncated: 100 bytes, expected 208 bytes for 3 x 8 x 8 values'],
    ['truncated header', images.subarray(0, 9), 'truncated: 9 bytes, expected a header of 16 bytes'],
    [
      'trailing bytes',
      Buffer.concat([images, Buffer.alloc(5)]),
      '5 trailing bytes: 213, expected 208 bytes for 3 x 8 x 8 values',
    ],
    [
      'wrong magic',
      Buffer.from('PK\x03\x04rest'),
      'not an IDX file: begins with zip (50 4b 03 04 72 65 73 74), expected 00 00 08 03',
    ],
    ['wrong type', idxBytes([1, 2, 2], [], 0x0d), 'IDX element type 0x0d (float32), expected 0x08 (uint8)'],
    ['unknown type', idxBytes([1, 2, 2], [], 0x42), 'IDX element type 0x42 (unknown), expected 0x08 (uint8)'],
    ['labels as images', labels, 'IDX rank 1 (labels), expected rank 3 (images x height x width)'],
    ['wrong rank', idxBytes([1, 1, 2, 2]), 'IDX rank 4, expected rank 3 (images x height x width)'],
    ['no images', idxBytes([0, 8, 8]), 'holds no values: its shape is 0 x 8 x 8'],
    ['corrupt gzip', flipped, 'corrupt gzip file: incorrect data check'],
    ['cut gzip', gz.subarray(0, gz.length - 20), 'corrupt gzip file: unexpected end of file'],
    ['gzip of nothing', gzipSync(''), 'empty file, expected an IDX file'],
  ])('%s', async (_what, bytes, message) => {
    const path = join(folderOf({ 'a-images-idx3-ubyte': bytes }), 'a-images-idx3-ubyte');
    await expectRefusal(openSmall(path), `${path}: ${message as string}`);
  });

  it('as many labels as images', async () => {
    const folder = folderOf({
      'train-images-idx3-ubyte': images,
      'train-labels-idx1-ubyte': idxBytes([4]),
    });
    await expectRefusal(
      openSmall(folder),
      `${folder}/train-labels-idx1-ubyte: 4 labels, expected 3 as in ${folder}/train-images-idx3-ubyte`,
    );
  });

  it('labels that are images', async () => {
    const folder = folderOf({ 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': images });
    await expectRefusal(
      openSmall(folder),
      `${folder}/train-labels-idx1-ubyte: IDX rank 3 (images x height x width), expected rank 1 (labels)`,
    );
  });

  it('an empty file', async () => {
    const path = join(folderOf({ 'a-images-idx3-ubyte': '' }), 'a-images-idx3-ubyte');
    await expectRefusal(openSmall(path), /: empty file; accepted: /);
  });

  it('more than fits in memory, before any work', async () => {
    const path = join(folderOf({ a: idxBytes([500_000, 1, 1]) }), 'a');
    await expectRefusal(
      openSmall(path, { size: 1024, channels: 3 }),
      `${path}: 500000 images of this size need 1464.8 GiB of memory; lower the size`,
    );
  });
});
