import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

async function image(path: string, colour: string): Promise<void> {
  await sharp({ create: { width: 20, height: 20, channels: 3, background: colour } })
    .jpeg()
    .toFile(path);
}

/** Runs `ganx train`, expects one line on stderr and code 2, and that nothing is left in the folder. */
async function refused(folder: string, args: readonly string[], message: string | RegExp): Promise<void> {
  const before = await readdir(folder, { recursive: true });
  const { code, stdout, stderr } = await ganx(['train', ...args], folder);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/^ganx: [^\n]+\n$/);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(await readdir(folder, { recursive: true })).toEqual(before);
}

describe('bad data', () => {
  it('is refused: a missing path, an empty folder', async () => {
    const folder = temporaryFolder();
    await refused(
      folder,
      ['digts'],
      'digts: no such file or folder, and not among the data that come with ganx: digits, ring8, grid25',
    );
    await refused(folder, ['./digits'], './digits: cannot read: no such file or folder (ENOENT)');
    await mkdir(join(folder, 'empty'));
    await refused(folder, ['empty'], /empty: .*PNG, JPEG or WebP/);
  });

  it('a corrupt JPEG among good ones is skipped, counted and named', async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, 'pictures'));
    for (let i = 0; i < 9; i++) await image(join(folder, `pictures/${i}.jpg`), `rgb(${i * 20}, 90, 30)`);
    const whole = await readFile(join(folder, 'pictures/0.jpg'));
    await writeFile(join(folder, 'pictures/old.gif'), '');
    await writeFile(join(folder, 'pictures/cut.jpg'), whole.subarray(0, whole.length / 2));
    const args = ['pictures', ...tiny, '--steps', '2', '--out', 'run'];
    const { code, stdout } = await ganx(['train', ...args], folder);
    expect(code).toBe(0);
    expect(stdout).toContain('9 samples of [3, 16, 16]');
    expect(stdout).toMatch(/skipped .*cut\.jpg: /);
    expect(stdout).toContain('ignored 1 file of another type, old.gif');
    expect(stdout).toContain('skipped 1 in all; skipped.jsonl says why');
    expect(JSON.parse(await readFile(join(folder, 'run/skipped.jsonl'), 'utf8'))).toEqual({
      file: 'cut.jpg',
      reason: 'damaged or incomplete JPEG image',
    });
  });

  it('is refused where all images are corrupt', async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, 'pictures'));
    for (const name of ['a', 'b']) await writeFile(join(folder, `pictures/${name}.jpg`), 'no picture');
    await refused(folder, ['pictures'], /pictures: .*2/);
  });

  it('is refused: truncated or foreign IDX, and a label count that differs', async () => {
    const folder = temporaryFolder();
    const data = join(folder, 'digits');
    await mkdir(data);
    await writeDigits(data, 50);
    const images = join(data, 't10k-images-idx3-ubyte');
    const labels = join(data, 't10k-labels-idx1-ubyte');
    const [goodImages, goodLabels] = [await readFile(images), await readFile(labels)];

    await writeFile(images, goodImages.subarray(0, 1000));
    await refused(
      folder,
      ['digits'],
      /t10k-images-idx3-ubyte: .*1000.*39216|t10k-images-idx3-ubyte: .*truncated/,
    );

    const foreign = Buffer.from(goodImages);
    foreign.writeUInt32BE(0x12345678, 0);
    await writeFile(images, foreign);
    await refused(folder, ['digits/t10k-images-idx3-ubyte'], /t10k-images-idx3-ubyte: /);

    await writeFile(images, goodImages);
    const fewer = Buffer.from(goodLabels.subarray(0, 8 + 49));
    fewer.writeUInt32BE(49, 4);
    await writeFile(labels, fewer);
    await refused(folder, ['digits'], /t10k-labels-idx1-ubyte.*49.*50|49 labels.*50 images/);

    await writeFile(labels, goodLabels);
    await writeFile(`${images}.gz`, gzipSync(goodImages).subarray(0, 500));
    await refused(folder, ['digits/t10k-images-idx3-ubyte.gz'], /gz: /);
  });
});

describe('bad options', () => {
  it.each([
    [['--recipe', 'biggan'], '--recipe: "biggan" is unknown; expected dcgan, acgan, vaegan, klgan, mlp'],
    [['--recipe', './missing.json'], './missing.json: cannot read: no such file or folder (ENOENT)'],
    [['--colour', 'blue'], "unknown option '--colour'"],
    [
      ['--set', 'network.filter=4'],
      '--set: network.filter is unknown; expected one of network.kind, network.zDim',
    ],
    [['--set', 'network.filters=-1'], '--set: network.filters is -1: expected an integer from 1 to 1024'],
    [['--set', 'loss=f-hinge'], /--set: loss is "f-hinge": expected one of "non-saturating"\|"saturating"/],
    [
      ['--set', 'network.kind=imported'],
      'network.kind is imported: needs both --generator and --discriminator',
    ],
    [['--set', 'loss'], '--set: "loss" must have the form path=value'],
    [['--set', 'techniques.softLabels.real=[1,0]'], 'low must not exceed high'],
    [
      ['--set', 'techniques.dropout.layers=9'],
      'dropout: layers 9 must be at most 3, all that the generator has',
    ],
    [['--size', '48'], '--size: 48 must be 16, 32, 64 or 128 for the recipe dcgan'],
    [['--size', 'big'], '--size: "big" must be an integer from 4 to 1024'],
    [
      ['ring8', '--set', 'network.hidden=16384', '--set', 'network.layers=32'],
      /recipe mlp: its state takes \d+\.\d GiB, a step twice that, and this machine has/,
    ],
    [['--steps', '0'], '--steps: "0" must be an integer from 1 to 2147483646'],
    [['--epochs', '1e300'], '--epochs: 1e+300 are more than the 2147483646 steps a run can have'],
    [['--threads', '1025'], '--threads: "1025" must be an integer from 1 to 1024'],
    [['--out', ''], '--out: "" must be a text that is not empty'],
    [[''], 'data: "" must be a text that is not empty'],
    [['--steps', '5', '--epochs', '1'], '--steps and --epochs: only one can say how long to train'],
    [['--batch', '20000'], '--batch: 20000 is larger than the data, 10000 samples in digits'],
    [['--device', 'tpu'], '--device: "tpu" is unknown; expected auto, cpu, cuda, cuda:<index> or webgpu'],
    [['--resume'], '--resume: needs --out'],
    [['--resume', '--out', 'nowhere'], 'nowhere: no such folder'],
    [['ring8', '--recipe', 'dcgan'], /recipe dcgan cannot make points \[2\]/],
  ] as const)('%j', async (args, message) => {
    await refused(temporaryFolder(), args, message);
  });

  it('refuses a recipe file that is not JSON, and one with an unknown setting', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'bad.json'), '{ network: }');
    await refused(folder, ['--recipe', './bad.json'], './bad.json: is not JSON');
    await writeFile(join(folder, 'odd.json'), '{ "extends": "dcgan", "learningRate": 1 }');
    await refused(
      folder,
      ['--recipe', './odd.json'],
      './odd.json: learningRate is unknown; expected one of name, network',
    );
  });

  it('refuses an out folder that is not empty, holds another run, is a file, or cannot be written', async () => {
    const folder = temporaryFolder();
    await mkdir(join(folder, 'full'));
    await writeFile(join(folder, 'full/notes.txt'), 'mine');
    await refused(folder, ['--out', 'full'], /full: is not empty \(found notes.txt\)/);
    await writeFile(join(folder, 'file'), '');
    await refused(folder, ['--out', 'file'], /file: is a file, must be a folder/);
    await refused(folder, ['--out', 'file/run'], /file/);
    await mkdir(join(folder, 'locked'));
    await chmod(join(folder, 'locked'), 0o555);
    // Root may write anywhere, so there the program runs as nobody.
    await chmod(folder, 0o755);
    const user = process.getuid?.() === 0 ? 65534 : undefined;
    const { code, stderr } = await ganx(['train', '--out', 'locked/run'], folder, undefined, user);
    expect(stderr).toMatch(/^ganx: locked\/run: [^\n]*(EACCES|permission)[^\n]*\n$/);
    expect(code).toBe(2);
  });

  it('refuses to resume another run', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 50);
    const first = ['train', data, ...tiny, '--steps', '2', '--out', 'run', '--sample-every', '0'];
    expect((await ganx(first, folder)).code).toBe(0);
    await refused(
      folder,
      [data, '--out', 'run'],
      /run: holds another run \(found .*\); use --resume or another --out/,
    );
    const again = [data, '--out', 'run', '--resume'];
    await refused(
      folder,
      [...again, '--set', 'network.filters=8'],
      'recipe.network.filters is 4 there and 8 here',
    );
    await refused(folder, [...again, '--seed', '9'], '--seed is 0 there and 9 here; use the same settings');
    await refused(
      folder,
      [...again, '--size', '32'],
      '--size is 16 there and 32 here; use the same settings',
    );
    await refused(
      folder,
      ['ring8', '--out', 'run', '--resume'],
      /^ganx: run: was trained on other data: 50 samples of \S+ there, 100000 of other content in ring8 here;/,
    );
    await refused(
      folder,
      [...again, '--recipe', 'mlp', '--batch', '8'],
      /recipe\.\S+ is .* there and .* here/,
    );
  });
});
