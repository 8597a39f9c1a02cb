import { describe, expect, it } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import type { TrainOptions } from '../../training/options.ts';
import { train } from '../../training/train.ts';

describe('train() refuses', () => {
  it.each([
    [{ stepz: 5 }, /^train: option stepz is unknown; expected one of data, recipe, set, out, steps/],
    [{ steps: 1.5 }, '--steps: 1.5 must be an integer from 1 to 2147483646'],
    [{ steps: '5' }, '--steps: "5" must be an integer from 1 to 2147483646'],
    [{ steps: NaN }, '--steps: NaN must be an integer from 1 to 2147483646'],
    [{ epochs: Infinity }, '--epochs: Infinity must be a number > 0'],
    [{ minutes: 0 }, '--minutes: 0 must be a number > 0'],
    [{ batch: 1 }, '--batch: 1 must be an integer from 2 to 65536'],
    [{ size: 5000 }, '--size: 5000 must be an integer from 4 to 1024'],
    [{ threads: 4096 }, '--threads: 4096 must be an integer from 1 to 1024'],
    [{ seed: 2 ** 31 }, '--seed: 2147483648 must be an integer from -2147483648 to 2147483647'],
    [{ sampleEvery: -1 }, '--sample-every: -1 must be an integer from 0 to 2147483647'],
    [{ checkpointEvery: null }, '--checkpoint-every: null must be an integer from 0 to 2147483647'],
    [{ data: '' }, 'data: "" must be a text that is not empty'],
    [{ out: 7 }, '--out: 7 must be a text that is not empty'],
    [{ set: 'a=b' }, '--set: "a=b" must be a list of path=value'],
    [{ resume: 'yes' }, '--resume: "yes" must be true or false'],
    [{ onDiverge: 'pray' }, '--on-diverge: "pray" is unknown; expected stop or rollback'],
    [{ onEvent: 3 }, '--on-event: 3 must be a function'],
    [{ signal: {} }, '--signal: {} must be an AbortSignal'],
    [{ steps: 5, minutes: 1 }, '--steps and --minutes: only one can say how long to train'],
    [
      { batch: 4, set: ['loss=saturating', ' batch = 16'] },
      '--batch 4 and --set  batch = 16: only one can say how many samples a step takes',
    ],
  ])('%j', async (options, message) => {
    const error: unknown = await train(options as unknown as TrainOptions).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(message);
  });
});

describe('train() with a signal', () => {
  it('that is aborted resolves as stopped, with nothing written', async () => {
    expect(await train({ signal: AbortSignal.abort() })).toEqual({
      outcome: 'stopped',
      folder: undefined,
      step: 0,
    });
  });

  it('that is aborted while the data are read, too', async () => {
    const began = performance.now();
    const signal = AbortSignal.timeout(50);
    expect(await train({ size: 512, recipe: 'mlp', signal })).toMatchObject({ outcome: 'stopped' });
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
