import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { hashIntegers } from '../../../training/data/integer-hash.ts';
import { sharedFolder } from '../../temporary-folder.ts';
import {
  abortedInside,
  busyJpeg,
  expectRefusal,
  flatPng,
  openSmall,
  tarBytes,
  writeFiles,
} from './fixtures.ts';

const root = sharedFolder();
const red = await flatPng([200, 10, 20]);
const grey = await flatPng([77]);
const jpeg = await busyJpeg();
const NONE = 'accepted: PNG, JPEG or WebP files (.png, .jpg, .jpeg, .webp)';

let made = 0;
/** The same files as a folder, a tar and a tar.gz. */
const forms: [string, (files: Record<string, Uint8Array>) => Promise<string>][] = [
  ['folder', (files) => Promise.resolve(writeFiles(join(root, String(made++)), files))],
  [
    'tar',
    async (files) => {
      const name = `${made++}.anything`;
      return join(writeFiles(root, { [name]: await tarBytes(files) }), name);
    },
  ],
  [
    'tar.gz',
    async (files) => {
      const name = `${made++}.anything`;
      return join(writeFiles(root, { [name]: gzipSync(await tarBytes(files)) }), name);
    },
  ],
];

describe.each(forms)('images in a %s', (_, make) => {
  it('have their first folder as class, sorted by name', async () => {
    const source = await make({ 'dog/b.png': red, 'cat/deep/a.png': grey, 'cat/c.png': red });
    const dataset = await openSmall(source);
    expect(dataset).toMatchObject({ name: source, kind: 'images', count: 3, dtype: 'uint8', skipped: [] });
    expect(dataset.sampleShape).toEqual([3, 8, 8]);
    expect(dataset.classes).toEqual(['cat', 'dog']);
    expect([...dataset.labels!]).toEqual([0, 0, 1]);
    // Ordered by path: cat/c.png, cat/deep/a.png, dog/b.png; red, green and blue planes of each.
    const firsts = Array.from({ length: 9 }, (_, plane) => dataset.data[plane * 64]);
    expect(firsts).toEqual([200, 10, 20, 77, 77, 77, 200, 10, 20]);
  });

  it('are unlabelled without class folders, below any number of shared ones', async () => {
    for (const prefix of ['', 'photos/', 'my/photos/2024/']) {
      const dataset = await openSmall(await make({ [`${prefix}a.png`]: grey, [`${prefix}b.png`]: grey }));
      expect(dataset).toMatchObject({ count: 2, classes: [], sampleShape: [1, 8, 8] });
      expect(dataset.labels).toBeUndefined();
    }
  });

  it('find their classes below a shared root folder', async () => {
    const source = await make({ 'cifar/train/x/1.png': grey, 'cifar/train/y/1.png': grey });
    expect(await openSmall(source)).toMatchObject({ classes: ['x', 'y'] });
  });

  it('are refused beside class folders', async () => {
    const source = await make({ 'set/a.png': grey, 'set/cat/b.png': grey });
    await expectRefusal(
      openSmall(source),
      `${source}: set/a.png lies beside the class folder set/cat/; put every image in a class folder, or none`,
    );
  });

  it('are one channel when all are grey, three when one is not, and what is asked for', async () => {
    const rgbGrey = await flatPng([50, 50, 50]);
    const allGrey = await make({ 'a.png': grey, 'b.png': rgbGrey });
    expect(await openSmall(allGrey)).toMatchObject({ sampleShape: [1, 8, 8] });
    const three = await openSmall(allGrey, { channels: 3 });
    expect(three.sampleShape).toEqual([3, 8, 8]);
    expect([three.data[0], three.data[64], three.data[128], three.data[192]]).toEqual([77, 77, 77, 50]);
    const one = await openSmall(await make({ 'a.png': grey, 'b.png': red }), { channels: 1 });
    expect(one.sampleShape).toEqual([1, 8, 8]);
    expect(one.data[0]).toBe(77);
    // Luminance of the red: far below its 200, above its 20.
    expect(one.data[64]).toBeGreaterThan(50);
    expect(one.data[64]).toBeLessThan(110);
  });

  it('are skipped and reported when damaged', async () => {
    const source = await make({
      'cat/good.png': red,
      'cat/half.jpg': jpeg.subarray(0, jpeg.length >> 1),
      'dog/lie.png': Buffer.from('GIF89a..'),
      'dog/none.webp': new Uint8Array(0),
    });
    const dataset = await openSmall(source);
    expect(dataset).toMatchObject({ count: 1, classes: ['cat'] });
    expect(dataset.skipped).toEqual([
      { file: 'cat/half.jpg', reason: 'damaged or incomplete JPEG image' },
      { file: 'dog/lie.png', reason: 'not a PNG, JPEG or WebP image but GIF (47 49 46 38 39 61 2e 2e)' },
      { file: 'dog/none.webp', reason: 'empty file' },
    ]);
  });

  it('are refused when all are damaged', async () => {
    const source = await make({ 'a.png': Buffer.from('x'), 'b.png': Buffer.from('y') });
    await expectRefusal(
      openSmall(source),
      /: none of 2 images could be decoded; (a|b)\.png: not a PNG, JPEG or WebP image but unknown type \(7[89]\)$/,
    );
  });

  it('ignore what systems leave behind, and count other types', async () => {
    const rubbish = Buffer.from('rubbish');
    const source = await make({
      'cat/a.PNG': grey,
      'dog/a.png': grey,
      'cat/._a.png': rubbish,
      '.cache/a.png': rubbish,
      '__MACOSX/cat/a.png': rubbish,
      'cat/Thumbs.db': rubbish,
      'readme.txt': rubbish,
    });
    const { count, classes, skipped, ignored } = await openSmall(source);
    expect({ count, classes, skipped }).toEqual({ count: 2, classes: ['cat', 'dog'], skipped: [] });
    expect(ignored?.count).toBe(2);
    expect(['cat/Thumbs.db', 'readme.txt']).toContain(ignored?.example);
    expect((await openSmall(await make({ 'a.png': grey }))).ignored).toBeUndefined();
  });

  it('are missed with what is there instead', async () => {
    const source = await make({ 'x/a.gif': grey, 'x/b.txt': grey });
    await expectRefusal(
      openSmall(source),
      new RegExp(
        `: no images found, only 2 other files such as x/(a.gif|b.txt); ${NONE.replaceAll(/[().]/g, '.')}$`,
      ),
    );
  });

  it('stop when aborted', async () => {
    const files = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`${i}.png`, grey]));
    const reason = new Error('stopped');
    const { signal, asked } = abortedInside(reason);
    await expect(openSmall(await make(files), { signal })).rejects.toBe(reason);
    // It is asked before each image.
    expect(asked.mock.calls.length).toBeLessThan(50);
  });
});

describe('an image folder', () => {
  it('must not be empty', async () => {
    const folder = join(root, 'empty');
    mkdirSync(folder);
    await expectRefusal(openSmall(folder), `${folder}: no images found, it is empty; ${NONE}`);
  });

  it('may hold links, also broken ones and ones that lead back', async () => {
    const folder = writeFiles(join(root, 'links'), { 'cat/a.png': grey });
    symlinkSync(join(folder, 'cat'), join(folder, 'dog'));
    symlinkSync(folder, join(folder, 'cat', 'back'));
    symlinkSync(join(folder, 'gone'), join(folder, 'cat', 'b.png'));
    // It may have been a class.
    symlinkSync(join(folder, 'gone'), join(folder, 'ant'));
    const dataset = await openSmall(folder);
    expect(dataset).toMatchObject({ count: 2, classes: ['cat', 'dog'] });
    expect(dataset.skipped).toEqual(
      ['ant', 'cat/b.png', 'dog/b.png'].map((file) => ({
        file,
        reason: `${folder}/${file}: cannot read: no such file or folder (ENOENT)`,
      })),
    );
  });
});

test.skipIf(process.platform === 'win32')(
  'a pipe, or a link to one or to a device, is left out (skipped on Windows, which has no pipes in folders)',
  async () => {
    const folder = writeFiles(join(root, 'pipes'), { 'a.png': grey });
    execFileSync('mkfifo', [join(root, 'pipe')]);
    symlinkSync(join(root, 'pipe'), join(folder, 'b.png'));
    symlinkSync('/dev/zero', join(folder, 'c.png'));
    for (const name of ['d.png', 'queue']) execFileSync('mkfifo', [join(folder, name)]);
    const { count, skipped, ignored } = await openSmall(folder);
    expect(count).toBe(1);
    expect(ignored).toEqual({ count: 1, example: 'queue' });
    expect(skipped.map(({ reason }) => reason)).toEqual(
      ['b.png', 'c.png', 'd.png'].map((name) => `${folder}/${name}: not a regular file`),
    );
  },
);

describe('a tar archive', () => {
  const open = async (name: string, bytes: Uint8Array): ReturnType<typeof openSmall> =>
    openSmall(join(writeFiles(root, { [name]: bytes }), name));

  it('may hold folder entries, ./ paths and links', async () => {
    const bytes = await tarBytes({ './': null, './cat/': null, './cat/a.png': grey, './dog/b.png': red });
    expect(await open('dots.tar', bytes)).toMatchObject({ count: 2, classes: ['cat', 'dog'] });
    const linked = await open('linked.tar', await tarBytes({ 'a.png': grey, 'b.png': null, dog: null }));
    const reason = 'a link inside the archive';
    expect(linked.skipped).toEqual([
      { file: 'b.png', reason },
      { file: 'dog', reason },
    ]);
  });

  it('gives the data set of the same files in a folder', async () => {
    const files = { 'y/2.png': red, 'x/1.jpg': jpeg, 'x/0.png': grey };
    const [tar, folder] = [
      await open('same.tar', await tarBytes(files)),
      await openSmall(writeFiles(join(root, 'same'), files)),
    ];
    expect({ ...tar, name: '' }).toEqual({ ...folder, name: '' });
  });

  it('must be whole', async () => {
    // Larger than what is looked at to tell the file's type.
    const noise = Uint8Array.from({ length: 20_000 }, (_, i) => hashIntegers(i));
    const bytes = await tarBytes({ 'a.jpg': jpeg, 'b.jpg': jpeg, 'c.bin': noise });
    const gz = gzipSync(bytes);
    await expectRefusal(
      open('cut.tar', bytes.subarray(0, 512 + 100)),
      `${root}/cut.tar: damaged tar archive: Unexpected end of data`,
    );
    await expectRefusal(
      open('cut.tar.gz', gz.subarray(0, gz.length - 30)),
      `${root}/cut.tar.gz: damaged tar.gz archive: unexpected end of file`,
    );
    const flipped = Buffer.from(gz);
    flipped[gz.length - 6]! ^= 0xff;
    await expectRefusal(
      open('flip.tar.gz', flipped),
      `${root}/flip.tar.gz: damaged tar.gz archive: incorrect data check`,
    );
    const badHeader = Buffer.from(bytes);
    badHeader[512 + Math.ceil(jpeg.length / 512) * 512]! ^= 0xff;
    await expectRefusal(open('header.tar', badHeader), /damaged tar archive: Invalid tar header/);
  });
});

describe('the folder of a run among images', () => {
  const run = Buffer.from('{ "format": "ganx.run", "formatVersion": 1 }');
  const samples = { 'samples/0.png': red, 'recipe.json': run };
  const below = (folder: string) =>
    Object.fromEntries(Object.entries(samples).map(([path, bytes]) => [`${folder}/${path}`, bytes]));

  it('is left out and told, and is no class', async () => {
    const source = writeFiles(join(root, String(made++)), {
      'a.png': grey,
      'b.png': grey,
      ...below('run1'),
      ...below('runs/deep/run2'),
    });
    const dataset = await openSmall(source);
    expect(dataset).toMatchObject({ count: 2, classes: [], sampleShape: [1, 8, 8] });
    expect(dataset.skipped).toEqual(
      ['run1', 'runs/deep/run2'].map((file) => ({ file, reason: 'the folder of a run of ganx' })),
    );
  });

  it('is known by its mark, and taken where it is named', async () => {
    const source = writeFiles(join(root, String(made++)), {
      'cat/a.png': grey,
      'cat/recipe.json': Buffer.from('{ "name": "pie" }'),
      'dog/b.png': grey,
      'dog/recipe.json': Buffer.from('no JSON'),
      ...below('run'),
    });
    expect((await openSmall(source)).classes).toEqual(['cat', 'dog']);
    expect((await openSmall(join(source, 'run'))).count).toBe(1);
  });

  it('is named where there is nothing else', async () => {
    const source = writeFiles(join(root, String(made++)), below('run1'));
    await expectRefusal(
      openSmall(source),
      `${source}: no images found outside of the runs of ganx there, such as run1`,
    );
  });
});
