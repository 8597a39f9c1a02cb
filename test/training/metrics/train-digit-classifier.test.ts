import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../../artifacts/safetensors.ts';
import type { Dataset } from '../../../training/data/dataset.ts';
import { openDataset } from '../../../training/data/dataset.ts';
import { cachedDigitJudge } from '../../../training/metrics/cached-digit-judge.ts';
import { digitImages, splitDigits } from '../../../training/metrics/digit-data.ts';
import { DigitJudge } from '../../../training/metrics/digit-judge.ts';
import type { DigitTrainingOptions } from '../../../training/metrics/train-digit-classifier.ts';
import {
  digitTrainingSettings,
  trainDigitClassifier,
} from '../../../training/metrics/train-digit-classifier.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

let dataset: Dataset;
beforeAll(async () => {
  dataset = await openDataset(undefined, { size: 32, channels: 1 });
});

/** The bytes of a judge after a few steps. */
async function trained(options: DigitTrainingOptions): Promise<Uint8Array> {
  const judge = await trainDigitClassifier(dataset, { steps: 60, ...options });
  await judge.dispose();
  return judge.encode();
}

describe('splitDigits', () => {
  it('puts every digit into one part, a fifth aside', () => {
    const { training, heldOut } = splitDigits(dataset);
    expect([training.length, heldOut.length]).toEqual([8000, 2000]);
    expect(new Set([...training, ...heldOut]).size).toBe(10_000);
  });

  it('holds out at most 10,000, and the same ones every time', () => {
    const large = { ...dataset, count: 60_000 };
    const { training, heldOut } = splitDigits(large);
    expect([training.length, heldOut.length]).toEqual([50_000, 10_000]);
    expect(splitDigits(large).heldOut).toEqual(heldOut);
  });

  it('holds out digits of the whole set, not of one end', () => {
    const { heldOut } = splitDigits(dataset);
    // 1,000 expected in each half, standard deviation 20.
    expect(Math.abs(heldOut.filter((i) => i < 5000).length - 1000)).toBeLessThan(100);
  });
});

it('digitImages puts bytes 0..255 into [-1, 1]', () => {
  const three = { ...dataset, count: 3, sampleShape: [1, 1, 1], data: Uint8Array.of(0, 51, 255) };
  expect([...digitImages(three, Int32Array.of(2, 1, 0))]).toEqual([1, Math.fround(-0.6), -1]);
});

describe('trainDigitClassifier', () => {
  it('gives the same judge for the same seed, another for another', async () => {
    const first = await trained({ seed: 3 });
    expect(Buffer.from(await trained({ seed: 3 })).equals(first)).toBe(true);
    expect(Buffer.from(await trained({ seed: 4 })).equals(first)).toBe(false);
  });

  it('learns, and tells how far it is', async () => {
    const onProgress = vi.fn();
    const judge = await trainDigitClassifier(dataset, { steps: 120, onProgress });
    await judge.dispose();
    expect(onProgress.mock.calls).toEqual([
      [50, 120],
      [100, 120],
      [120, 120],
    ]);
    // Chance is 0.1.
    expect(judge.record.heldOutAccuracy).toBeGreaterThan(0.85);
  });

  it.each([
    [100, 2000],
    [10_000, 2000],
    [20_000, 4000],
    [60_000, 6000],
  ])('trains by default on %i digits for %i steps', (count, steps) => {
    expect(digitTrainingSettings({ ...dataset, count }, {})).toEqual({ seed: 0, steps, threads: 1 });
  });

  it('never looks at the digits that are held out', async () => {
    const data = dataset.data.slice();
    for (const i of splitDigits(dataset).heldOut) data.fill(255, i * 1024, (i + 1) * 1024);
    const weights = (bytes: Uint8Array) => decodeSafetensors(bytes, 'judge').tensors;
    const judge = await trainDigitClassifier({ ...dataset, data }, { steps: 60 });
    await judge.dispose();
    expect(judge.record.heldOutAccuracy).toBeLessThan(0.2);
    expect(weights(judge.encode())).toEqual(weights(await trained({})));
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const onProgress = vi.fn(() => {
      stop.abort(new Error('enough'));
    });
    const training = trainDigitClassifier(dataset, { steps: 200, onProgress, signal: stop.signal });
    await expect(training).rejects.toThrow('enough');
    expect(onProgress).toHaveBeenCalledTimes(1);
  });

  it('refuses data that is no digits, and a number of steps that is none', async () => {
    const wanted = 'expected grey 32 x 32 images with labels of 10 classes';
    const refused = (changes: Partial<Dataset>) =>
      expect(trainDigitClassifier({ ...dataset, ...changes })).rejects;
    const points = await openDataset('ring8', { size: 32, channels: 1 });
    await expect(trainDigitClassifier(points)).rejects.toThrow(`ring8: points of shape [2]; ${wanted}`);
    await refused({ sampleShape: [1, 28, 28] }).toThrow(`digits: images of shape [1, 28, 28]; ${wanted}`);
    await refused({ labels: undefined }).toThrow(`digits: no labels; ${wanted}`);
    await refused({ classes: ['0', '1'] }).toThrow(`digits: 2 classes; ${wanted}`);
    await refused({ count: 99 }).toThrow('digits: 99 digits; expected 100 or more');
    await expect(trainDigitClassifier(dataset, { steps: 0 })).rejects.toThrow(
      'steps 0 must be an integer >= 1',
    );
  });
});

describe('DigitJudge.decode', () => {
  it('refuses a file that holds no judge, and says why', async () => {
    const { tensors, metadata } = decodeSafetensors(await trained({ steps: 1 }), 'whole');
    const decode = (file: Uint8Array) => expect(DigitJudge.decode(file, 'judge.safetensors')).rejects;
    await decode(encodeSafetensors(tensors)).toThrow(
      'judge.safetensors: format none, expected ganx.digit-judge 1',
    );
    await decode(encodeSafetensors(tensors, { ...metadata, formatVersion: '9' })).toThrow(
      'judge.safetensors: format ganx.digit-judge 9, expected ganx.digit-judge 1',
    );
    await decode(encodeSafetensors(tensors, { ...metadata, record: '{"data": 1}' })).toThrow(
      'judge.safetensors: its record of the training is damaged',
    );
    const weight = 'classifier/logits/weight';
    const others = new Map([...tensors].filter(([name]) => name !== weight));
    await decode(encodeSafetensors(others, metadata)).toThrow(
      `judge.safetensors: tensor ${weight} is missing, expected float32[10, 64]`,
    );
  });
});

describe('cachedDigitJudge', () => {
  it('trains once for the same data, seed and steps', async () => {
    const path = join(temporaryFolder(), 'judge.safetensors');
    const onProgress = vi.fn();
    const open = async (options: DigitTrainingOptions = {}, data = dataset) => {
      onProgress.mockClear();
      const judge = await cachedDigitJudge(path, data, { steps: 2, onProgress, ...options });
      await judge.dispose();
      return { trained: onProgress.mock.calls.length > 0, bytes: judge.encode() };
    };
    const first = await open();
    expect(first.trained).toBe(true);
    expect(await open()).toEqual({ trained: false, bytes: first.bytes });
    expect(await open({ seed: 1 })).toMatchObject({ trained: true });
    expect(await open({ seed: 1 })).toMatchObject({ trained: false });
    expect(await open({ seed: 1, steps: 3 })).toMatchObject({ trained: true });
    const fewer = { ...dataset, count: 5000, data: dataset.data.subarray(0, 5000 * 1024) };
    expect(await open({ seed: 1, steps: 3 }, fewer)).toMatchObject({ trained: true });
    await writeFile(path, 'damaged');
    expect(await open()).toEqual({ trained: true, bytes: first.bytes });
    expect((await stat(path)).size).toBe(first.bytes.length);
  });
});
