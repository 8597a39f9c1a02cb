import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { decodeMetadata, encodeMetadata } from '../../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import type { PortInfo } from '../../artifacts/onnx/summary.ts';
import { readModelInfo } from '../../artifacts/onnx/decode.ts';
import { encodeModel } from '../../artifacts/onnx/encode.ts';
import { Graph } from '../../graph-builder/graph.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';

const images: GeneratorMetadata = {
  ganxVersion: '0.1.0',
  recipe: 'acgan',
  kind: 'images',
  zDim: 64,
  latent: 'normal',
  shape: [1, 8, 8],
  valueRange: [-1, 1],
  classes: ['zero', 'one'],
  conditional: true,
  random: true,
  techniques: ['adam', 'dropout-in-generator'],
  weights: 'ema',
  steps: 2000,
  images: 128000,
  parameterCount: 123456,
};
const points: GeneratorMetadata = {
  ganxVersion: '0.1.0',
  recipe: 'ring8',
  kind: 'points',
  zDim: 64,
  latent: 'normal',
  shape: [2],
  classes: [],
  conditional: false,
  random: false,
  techniques: [],
  weights: 'live',
  steps: 0,
  images: 0,
  parameterCount: 10,
};

const port = (name: string, ...shape: (number | string)[]): PortInfo => ({ name, dtype: 'float32', shape });
const info = (metadata: Record<string, string>, inputs = ['z', 'seed', 'label'], output = 'images') => ({
  metadata,
  producer: 'ganx',
  inputs: inputs.map((name) => port(name, 'N', 64)),
  outputs: [port(output, 'N', 1, 8, 8)],
});

describe('generator metadata', () => {
  test('is readable text, without dates', () => {
    expect(encodeMetadata(images)).toEqual({
      format: 'ganx.generator',
      formatVersion: '1',
      ganxVersion: '0.1.0',
      recipe: 'acgan',
      kind: 'images',
      zDim: '64',
      latent: 'normal',
      shape: '[1,8,8]',
      valueRange: '[-1,1]',
      classes: '["zero","one"]',
      conditional: 'true',
      random: 'true',
      techniques: '["adam","dropout-in-generator"]',
      weights: 'ema',
      steps: '2000',
      images: '128000',
      parameterCount: '123456',
    });
  });

  test('round trip, of images and of points', () => {
    expect(decodeMetadata(info(encodeMetadata(images)), 'g.onnx')).toEqual(images);
    expect(decodeMetadata(info(encodeMetadata(points), ['z'], 'points'), 'g.onnx')).toEqual(points);
  });

  test('round trip through a model', () => {
    const graph = new Graph('generator');
    graph.output('images', reshape(graph.input('z', 'float32', ['N', 64]), ['N', 1, 8, 8]));
    const plain = { ...images, conditional: false, random: false };
    const model = encodeModel(graph, { metadata: encodeMetadata(plain) });
    expect(decodeMetadata(readModelInfo(model, 'g.onnx'), 'g.onnx')).toEqual(plain);
  });

  test('another model is refused with what it is', () => {
    const other = {
      ...info({}),
      producer: 'pytorch',
      inputs: [port('x', 1, 3)],
      outputs: [port('logits', 1, 10)],
    };
    expect(() => decodeMetadata(other, 'resnet.onnx')).toThrow(
      new InputError(
        'resnet.onnx: not a ganx generator (found an ONNX model by pytorch from x [1, 3] to logits [1, 10])',
      ),
    );
    expect(() => decodeMetadata({ ...other, metadata: { format: 'ganx.discriminator' } }, 'd.onnx')).toThrow(
      'd.onnx: not a ganx generator (found an ONNX model by pytorch of format ganx.discriminator from',
    );
  });

  test.each<[string, Record<string, string | undefined>, string]>([
    ['a later version', { formatVersion: '2' }, 'generator format version 2 is unknown, this ganx reads 1'],
    ['a missing field', { zDim: undefined }, 'damaged generator (metadata lacks zDim)'],
    ['no JSON', { classes: 'zero' }, 'damaged generator (metadata classes "zero" must be a list of names)'],
    ['zero', { zDim: '0' }, 'damaged generator (metadata zDim "0" must be an integer >= 1)'],
    ['a shape', { shape: '[8,8]' }, 'damaged generator (metadata shape "[8,8]" must be [C, H, W])'],
    [
      'a range',
      { valueRange: '[1,-1]' },
      'damaged generator (metadata valueRange "[1,-1]" must be [low, high])',
    ],
    ['a kind', { kind: 'sound' }, 'damaged generator (metadata kind "sound" must be images or points)'],
    ['weights', { weights: 'old' }, 'damaged generator (metadata weights "old" must be ema or live)'],
    ['a flag', { random: '1' }, 'damaged generator (metadata random "1" must be true or false)'],
    [
      'a flag that the model contradicts',
      { random: 'false' },
      'damaged generator (random is false, but the model has an input "seed")',
    ],
  ])('refuses %s', (_name, change, message) => {
    const metadata = Object.fromEntries(
      Object.entries({ ...encodeMetadata(images), ...change }).filter(
        (pair): pair is [string, string] => pair[1] !== undefined,
      ),
    );
    expect(() => decodeMetadata(info(metadata), 'g.onnx')).toThrow(new InputError(`g.onnx: ${message}`));
  });

  test('refuses a model without its ports', () => {
    const metadata = encodeMetadata(images);
    expect(() => decodeMetadata(info(metadata, ['z', 'seed']), 'g.onnx')).toThrow(
      'g.onnx: damaged generator (conditional is true, but the model has no input "label")',
    );
    expect(() => decodeMetadata(info(metadata, ['seed', 'label']), 'g.onnx')).toThrow(
      'g.onnx: damaged generator (every generator takes a latent vector, but the model has no input "z")',
    );
    expect(() => decodeMetadata(info(metadata, undefined, 'points'), 'g.onnx')).toThrow(
      'g.onnx: damaged generator (it makes images, but the model has no output "images")',
    );
  });
});
