import type * as Ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../../artifacts/errors.ts';
import { tensor } from '../../../graph-builder/types.ts';
import type { Chunk, Engine, EngineSpec } from '../../../training/engine/engine.ts';
import { createSessionEngine } from '../../../training/engine/session-engine.ts';
import { explained, memoryOf } from '../../../training/memory.ts';
import type { RunConfig } from '../../../training/run-config.ts';

class FakeTensor {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
  constructor(type: string, data: unknown, dims: readonly number[]) {
    [this.type, this.data, this.dims] = [type, data, dims];
  }
}

const noMemory = 'Failed to allocate memory for requested buffer of size 1048576';

/**
 * An onnxruntime whose runs fail beyond so many steps, as all do of a session in which one has. The state counts the
 * steps that were done, and the telemetry of a step is its first sample, its control and its number.
 *
 * @param lostAt number of the step from which on no run works, for another reason
 */
function runtime(most: number, reason = noMemory, lostAt = Infinity) {
  const asked: number[] = [];
  let opened = 0;
  const create = () => {
    expect(++opened).toBe(1);
    let isSpoilt = false;
    const run = (feeds: Record<string, { data: ArrayLike<number> }>) => {
      const { count, real, controls, step, steps } = feeds as Record<string, { data: Float32Array }>;
      const k = Number(steps!.data[0]);
      asked.push(k);
      if (isSpoilt) return Promise.reject(new Error('a session is used again'));
      isSpoilt = k > most;
      if (isSpoilt) return Promise.reject(new Error(reason));
      if (Number(step!.data[0]) >= lostAt) return Promise.reject(new Error('the device is lost'));
      const size = real!.data.length / k;
      const rows = Array.from({ length: k }, (_, i) => [
        real!.data[i * size]!,
        controls!.data[i]!,
        Number(step!.data[0]) + i,
      ]);
      return Promise.resolve({
        'next/count': new FakeTensor('float32', Float32Array.of(count!.data[0]! + k), [1]),
        telemetry: new FakeTensor('float32', Float32Array.from(rows.flat()), [k, 3]),
      });
    };
    const inputNames = ['count', 'real', 'controls', 'seed', 'step', 'steps'];
    const release = () => {
      opened--;
      return Promise.resolve();
    };
    return Promise.resolve({ inputNames, outputNames: [], run, release });
  };
  return {
    ort: { Tensor: FakeTensor, InferenceSession: { create } } as unknown as typeof Ort,
    asked,
    open: () => opened,
  };
}

const spec: EngineSpec = {
  driver: 'loop',
  trainingModel: new Uint8Array(),
  samplerModel: new Uint8Array(),
  layouts: new Map(),
  samplerWeights: new Map(),
  device: { kind: 'cuda', index: 0 },
  threads: 1,
};

async function engineOn(ort: typeof Ort): Promise<Engine> {
  const engine = await createSessionEngine(ort, spec);
  await engine.restore(new Map([['count', tensor('float32', [0], [1])]]));
  return engine;
}

const chunk = (steps: number): Chunk => ({
  steps,
  step: 100,
  seed: 1,
  real: tensor(
    'float32',
    Array.from({ length: 2 * steps }, (_, i) => i),
    [steps, 2],
  ),
  controls: tensor(
    'float32',
    Array.from({ length: steps }, (_, i) => i / 8),
    [steps, 1],
  ),
});

/** What a machine with enough memory makes of it. */
const expected = (steps: number) => Array.from({ length: steps }, (_, i) => [2 * i, i / 8, 100 + i]).flat();

describe('a chunk for which there is no memory', () => {
  test('is run in parts, each step once and in order', async () => {
    const { ort } = runtime(3);
    const engine = await engineOn(ort);
    const { telemetry } = await engine.run(chunk(13));
    expect([...telemetry]).toEqual(expected(13));
    expect([...(await engine.state()).get('count')!.data]).toEqual([13]);
  });

  test('leaves one session open at a time, and none in the end', async () => {
    const { ort, open } = runtime(3);
    const engine = await engineOn(ort);
    await engine.run(chunk(8));
    expect(open()).toBe(1);
    await engine.dispose();
    expect(open()).toBe(0);
  });

  test.each([
    'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0',
    'CUDNN failure 4002: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0',
    'CUDA failure 2: out of memory ; GPU=0',
    'std::bad_alloc',
  ])('is known by the words of whatever had none: %s', async (reason) => {
    const { ort, asked } = runtime(3, reason);
    const engine = await engineOn(ort);
    await engine.run(chunk(4));
    expect(asked).toEqual([4, 2, 2]);
  });

  test('is not tried whole again', async () => {
    const { ort, asked } = runtime(3);
    const engine = await engineOn(ort);
    await engine.run(chunk(8));
    asked.length = 0;
    await engine.run(chunk(8));
    expect(asked).toEqual([2, 2, 2, 2]);
  });

  test('of one step is an error, and the state stays as it was', async () => {
    const { ort } = runtime(0);
    const engine = await engineOn(ort);
    await expect(engine.run(chunk(4))).rejects.toThrow(noMemory);
    expect([...(await engine.state()).get('count')!.data]).toEqual([0]);
  });

  test('and that fails after its first part leaves no state that could pass for one between chunks', async () => {
    const { ort } = runtime(3, noMemory, 102);
    const engine = await engineOn(ort);
    await expect(engine.run(chunk(4))).rejects.toThrow('the device is lost');
    await expect(engine.state()).rejects.toThrow('amid a chunk');
    await engine.restore(new Map([['count', tensor('float32', [0], [1])]]));
    expect([...(await engine.state()).get('count')!.data]).toEqual([0]);
  });

  test('is not confused with another failure', async () => {
    const { ort, asked } = runtime(3, 'the device is lost');
    const engine = await engineOn(ort);
    await expect(engine.run(chunk(8))).rejects.toThrow('the device is lost');
    expect(asked).toEqual([8]);
  });
});

test('the error says what to change', () => {
  const replaying = (size: number, batch = 64) =>
    ({
      device: 'cuda:0',
      recipe: { batch, accumulate: 2, techniques: { replay: { size, probability: 0.02 } } },
      sample: { kind: 'images', shape: [3, 64, 64], classes: 0 },
    }) as unknown as RunConfig;
  const config = replaying(1024);
  const error = explained(new Error(noMemory), config);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toBe(
    `cuda:0: no memory for a step of batch 64 (${noMemory}); try --batch 32, with --set accumulate=4 for as many samples an update`,
  );
  expect((explained(new Error(noMemory), replaying(100_000)) as Error).message).toMatch(
    /an update; the replay pool alone takes 4688 MiB, less with --set techniques.replay.size=25000$/,
  );
  // A pool must hold a batch.
  expect((explained(new Error(noMemory), replaying(8192, 8192)) as Error).message).toMatch(
    /try --batch 4096, .* techniques.replay.size=4096$/,
  );
  const other = new Error('the device is lost');
  expect(explained(other, config)).toBe(other);
});

test('the memory of a process is read from the table of nvidia-smi', () => {
  const table = '41, 812\n7, 300\n41, 100\n';
  expect(memoryOf(41, table)).toBe(912 * 2 ** 20);
  expect(memoryOf(42, table)).toBeUndefined();
  // What it says inside some containers.
  expect(memoryOf(41, '41, [N/A]\n')).toBeUndefined();
  expect(memoryOf(41, '')).toBeUndefined();
});
