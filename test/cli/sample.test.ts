import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  conditionalModel,
  dropoutRecipe,
  generatorModel,
  grey,
  points,
  pointsRecipe,
} from '../inference/generators.ts';
import { ganx, refusal } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const inputs = ['classes.onnx', 'images.onnx', 'points.onnx'];
let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
  writeFileSync(join(folder, 'images.onnx'), generatorModel(dropoutRecipe, grey));
  writeFileSync(join(folder, 'points.onnx'), generatorModel(pointsRecipe, points));
  writeFileSync(join(folder, 'classes.onnx'), conditionalModel());
});

const written = () =>
  readdirSync(folder)
    .filter((name) => !inputs.includes(name))
    .sort();
const bytesOf = (name: string) => readFileSync(join(folder, name));
const sizeOf = async (name: string) => {
  const { width, height, format } = await sharp(bytesOf(name)).metadata();
  return [width, height, format];
};

describe('ganx sample', () => {
  test('writes a grid', async () => {
    expect(await ganx(['sample', 'images.onnx'], folder)).toEqual({
      code: 0,
      stdout: 'samples.png: 64 images of 1 x 16 x 16, seed 0\n',
      stderr: '',
    });
    expect(written()).toEqual(['samples.png']);
    expect(await sizeOf('samples.png')).toEqual([8 * 18 - 2, 8 * 18 - 2, 'png']);
  });

  test('the same seed gives the same file, another one another', async () => {
    const draw = (seed: string, out: string) =>
      ganx(['sample', 'images.onnx', '-n', '4', '--seed', seed, '--threads', '1', '--out', out], folder);
    await draw('-3', 'a.png');
    await draw('-3', 'b.png');
    await draw('4', 'c.png');
    expect(bytesOf('b.png')).toEqual(bytesOf('a.png'));
    expect(bytesOf('c.png')).not.toEqual(bytesOf('a.png'));
  });

  test('writes single files into a folder, and tells as JSON', async () => {
    const { stdout } = await ganx(
      ['sample', 'images.onnx', '-n', '3', '--out', 'new/deep', '--json'],
      folder,
    );
    const files = ['000', '001', '002'].map((name) => join('new/deep', `${name}.png`));
    expect(JSON.parse(stdout)).toEqual({
      files,
      shape: [3, 1, 16, 16],
      seed: 0,
      recipe: 'dcgan',
      steps: 0,
    });
    expect(readdirSync(join(folder, 'new/deep'))).toEqual(['000.png', '001.png', '002.png']);
    expect(await sizeOf(files[0]!)).toEqual([16, 16, 'png']);
  });

  test('takes the folder of a run, plots points, and takes a class by name', async () => {
    mkdirSync(join(folder, 'run'));
    cpSync(join(folder, 'images.onnx'), join(folder, 'run/generator.onnx'));
    expect((await ganx(['sample', 'run', '-n', '1'], folder)).stdout).toBe(
      'samples.png: 1 image of 1 x 16 x 16, seed 0\n',
    );
    await ganx(['sample', 'points.onnx', '--out', 'plot.png'], folder);
    expect(await sizeOf('plot.png')).toEqual([512, 512, 'png']);
    const class2 = await ganx(['sample', 'classes.onnx', '--label', 'fox', '--out', 'fox.png'], folder);
    expect(class2.code).toBe(0);
    await ganx(['sample', 'classes.onnx', '--label', '2', '--out', 'two.png'], folder);
    await ganx(['sample', 'classes.onnx', '--label', 'cat', '--out', 'cat.png'], folder);
    expect(bytesOf('fox.png')).toEqual(bytesOf('two.png'));
    expect(bytesOf('cat.png')).not.toEqual(bytesOf('fox.png'));
    const { stdout } = await ganx(['sample', 'classes.onnx', '-n', '4', '--json'], folder);
    expect(JSON.parse(stdout)).toMatchObject({ classes: ['cat', 'dog', 'fox', 'cat'] });
    const between = await ganx(
      ['interpolate', 'classes.onnx', '--frames', '2', '--label', '1', '--json'],
      folder,
    );
    expect(JSON.parse(between.stdout)).toMatchObject({ classes: ['dog', 'dog'] });
  });

  test('truncation makes the samples more alike', async () => {
    const deviation = async (...args: string[]) => {
      await ganx(['sample', 'classes.onnx', '--label', '0', '-n', '32', ...args], folder);
      const { channels } = await sharp(bytesOf('samples.png')).stats();
      return channels[0]!.stdev;
    };
    expect(await deviation('--truncation', '0.2')).toBeLessThan(await deviation());
  });
});

describe('ganx sample leaves nothing behind when it refuses', () => {
  test.each([
    [['missing.onnx'], 'missing.onnx: cannot read: no such file or folder (ENOENT)'],
    [
      ['text.onnx'],
      /^ganx: text\.onnx: not an ONNX model \(.+\); expected the generator\.onnx of a ganx run\n$/,
    ],
    [['images.onnx', '--label', '1'], '--label: "1" is given, but this generator has no classes'],
    [
      ['classes.onnx', '--label', 'cow'],
      '--label: "cow" must be one of cat, dog, fox, or a number from 0 to 2',
    ],
    [['images.onnx', '--out', ''], '--out: "" must be a name that ends in .png, or a folder'],
    [[''], '"": cannot read: no such file or folder (ENOENT)'],
    [['images.onnx', '--out', 'x.jpg'], '--out: "x.jpg" must end in .png, or be a folder for single files'],
    [
      ['points.onnx', '--out', 'plots'],
      '--out: "plots" is a folder, but points make one plot; give a name that ends in .png',
    ],
    [
      ['images.onnx', '--out', 'images.onnx/x.png'],
      'images.onnx: cannot write: a file of that name is in the way (EEXIST)',
    ],
    [['images.onnx', '--device', 'tpu'], 'device "tpu" must be cpu, cuda, cuda:<index> or webgpu'],
    [
      ['images.onnx', '--device', 'cuda:99'],
      /^ganx: device cuda:99 cannot be used \(.+\); "ganx doctor" tells what is missing\n$/,
    ],
  ])('%j', async (args, message) => {
    writeFileSync(join(folder, 'text.onnx'), 'hello');
    const { code, stdout, stderr } = await ganx(['sample', ...args], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    if (typeof message === 'string') expect(stderr).toBe(`ganx: ${message}\n`);
    else expect(stderr).toMatch(message);
    expect(written()).toEqual(['text.onnx']);
  });

  test('a single file that cannot be written takes the others back', async () => {
    mkdirSync(join(folder, 'out/001.png/x'), { recursive: true });
    const { code, stderr } = await ganx(['sample', 'images.onnx', '-n', '3', '--out', 'out'], folder);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `ganx: ${join('out', '001.png')}: cannot write: it is a folder (EISDIR)\n`,
    });
    expect(readdirSync(join(folder, 'out'))).toEqual(['001.png']);
  });
});

describe('ganx interpolate', () => {
  test('writes the frames side by side, the ends those of the seeds', async () => {
    const { code, stdout } = await ganx(
      ['interpolate', 'images.onnx', '--from-seed', '3', '--to-seed', '8', '--frames', '5'],
      folder,
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: 'interpolation.png: 5 images of 1 x 16 x 16, from seed 3 to seed 8\n',
    });
    expect(await sizeOf('interpolation.png')).toEqual([5 * 18 - 2, 16, 'png']);
  });

  test('writes single frames, and tells as JSON', async () => {
    const { stdout } = await ganx(
      ['interpolate', 'images.onnx', '--frames', '2', '--out', 'f', '--json'],
      folder,
    );
    expect(JSON.parse(stdout)).toEqual({
      files: ['000.png', '001.png'].map((name) => join('f', name)),
      shape: [2, 1, 16, 16],
      fromSeed: 0,
      toSeed: 1,
      seed: 0,
    });
  });

  test('refuses a file that is none', async () => {
    expect(await ganx(['interpolate', 'missing.onnx'], folder)).toEqual(
      refusal('missing.onnx: cannot read: no such file or folder (ENOENT)'),
    );
  });
});
