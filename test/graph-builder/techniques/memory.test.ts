import { describe, expect, test } from 'vitest';
import { tensor } from '../../../graph-builder/types.ts';
import type { Tensor } from '../../../graph-builder/types.ts';
import { replay } from '../../../graph-builder/techniques/08-replay.ts';
import { minibatchDiscrimination } from '../../../graph-builder/techniques/08-minibatch-discrimination.ts';
import { snapshotSlots } from '../../../graph-builder/techniques/08-snapshots.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import { Pass } from '../../../graph-builder/layers/pass.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import type { TrainingProgram } from '../../../graph-builder/program.ts';
import type { State } from '../../parity/training-run.ts';
import { direction, Model } from '../model.ts';
import {
  dataOf,
  filled,
  mean,
  parametersOf,
  points,
  pointsRecipe,
  sketch,
  stateOf,
  trainSteps,
} from './program-steps.ts';

// 8. What comes from the past: fakes, weights, averages of weights, and what D knows of a batch.

const bits = (data: Tensor['data']) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
const same = (a: State, b: State, names: readonly string[]) =>
  names.every((name) => bits(dataOf(a, name)) === bits(dataOf(b, name)));

describe('replay', () => {
  const [size, batch, probability] = [40, 8, 0.25];
  const recipe = pointsRecipe({ replay: { size, probability } }, { batch });

  /** Fakes that carry the step they were made in, through `steps` steps: what D was shown, and the pool at the end. */
  async function exchanged(steps: number) {
    const hooks = replay.hooks(recipe, points)!;
    let pool: ArrayLike<number> = new Float32Array(size * 2);
    const shown: number[][] = [];
    for (let step = 0; step < steps; step++) {
      const { graph, step: context } = sketch(hooks, step);
      const fake = filled(graph, [batch, 2], step + 1);
      graph.output('shown', hooks.fakes!(fake, context));
      const model = await Model.load(graph);
      const result = await model.run({ 'replay/pool': pool });
      await model.release();
      pool = result['next/replay/pool']!;
      shown.push(Array.from({ length: batch }, (_, i) => result.shown![2 * i]!));
    }
    return { shown, pool: Array.from({ length: size }, (_, i) => pool[2 * i]!) };
  }

  test('shows old fakes to D, at the asked rate, and each of them once', async () => {
    const steps = 120;
    const { shown, pool } = await exchanged(steps);
    const filling = size / batch;
    // As long as it fills, D sees what G makes.
    for (let step = 0; step < filling; step++) expect(shown[step]).toEqual(new Array(batch).fill(step + 1));
    const later = shown.slice(filling).flatMap((row, i) => row.map((made) => filling + i + 1 - made));
    const old = later.filter((age) => age > 0);
    expect(later.every((age) => age >= 0)).toBe(true);
    expect(old.length / later.length).toBeCloseTo(probability, 1);
    // A fake stays for size / (batch x probability) steps on average.
    expect(mean(old)).toBeGreaterThan((0.6 * size) / (batch * probability));
    expect(mean(old)).toBeLessThan((1.4 * size) / (batch * probability));
    // What went in and what came out balance: every fake was shown, or is still in the pool.
    const count = (values: readonly number[], step: number) =>
      values.filter((value) => value === step).length;
    const all = [...shown.slice(filling).flat(), ...pool];
    for (let step = 1; step <= steps; step++) expect(count(all, step), `made in step ${step}`).toBe(batch);
  });

  test('of a pool smaller than a batch is refused', () => {
    expect(() => buildProgram(pointsRecipe({ replay: { size: 3, probability: 0.5 } }), points)).toThrow(
      'replay: size 3 must be at least the batch, 4',
    );
  });

  test('enters training: the pool holds what G made, and D learns otherwise', async () => {
    const on = await trainSteps(pointsRecipe({ replay: { size: 8, probability: 0.5 } }), points, 6);
    const off = await trainSteps(pointsRecipe(), points, 6);
    expect(Array.from(dataOf(on.state, 'replay/pool') as Float32Array).every((x) => x !== 0)).toBe(true);
    expect(same(on.states[1]!, off.states[1]!, parametersOf(on.program, 'discriminator'))).toBe(true);
    expect(same(on.state, off.state, parametersOf(on.program, 'discriminator'))).toBe(false);
  });
});

describe('snapshots', () => {
  const options = { count: 2, every: 3, steps: 2 };
  const recipe = pointsRecipe({ snapshots: options });

  const moved = (program: TrainingProgram, state: State, step: number): State => {
    const result = new Map(state);
    for (const { from, to } of program.movesAt(step)) result.set(to, result.get(from)!);
    return result;
  };
  const live = (program: TrainingProgram) =>
    program.state.map(({ name }) => name).filter((name) => !/^(snapshots|stand-in)\//.test(name));

  test('are the live weights of their step, and taking or using them leaves those bit-identical', async () => {
    const { program, states } = await trainSteps(recipe, points, 3);
    const after = states.at(-1)!;
    const swapped = moved(program, after, 3);
    expect(program.movesAt(2)).toEqual([]);
    expect(same(swapped, after, live(program))).toBe(true);
    const later = await trainSteps(recipe, points, 3, { from: 3, state: swapped });
    const again = moved(program, later.state, 6);
    expect(same(again, later.state, live(program))).toBe(true);
    for (const name of [...parametersOf(program, 'generator'), ...parametersOf(program, 'discriminator')]) {
      expect(dataOf(swapped, `snapshots/0/${name}`)).toEqual(dataOf(after, name));
      expect(dataOf(again, `snapshots/1/${name}`)).toEqual(dataOf(later.state, name));
      // Not the snapshot that was taken at this very step.
      expect(dataOf(again, `stand-in/${name}`)).toEqual(dataOf(after, name));
    }
  });

  test('change nothing while no past network stands in', async () => {
    const off = await trainSteps(pointsRecipe(), points, 5);
    const on = await trainSteps(recipe, points, 5);
    expect(same(on.state, off.state, live(off.program))).toBe(true);
  });

  test('while they stand in, the weights that learn are the live ones, and they learn otherwise', async () => {
    const start = await trainSteps(recipe, points, 6);
    // Another past: all its weights are different from the live ones.
    const swapped = new Map(
      [...moved(start.program, start.state, 6)].map(([name, value]) => [
        name,
        name.startsWith('stand-in/')
          ? { ...value, data: (value.data as Float32Array).map((x) => x * 0.5 + 0.1) }
          : value,
      ]),
    );
    const on = await trainSteps(recipe, points, 1, { from: 6, state: swapped });
    const off = await trainSteps(pointsRecipe(), points, 1, { from: 6, state: start.state });
    for (const network of ['generator', 'discriminator'] as const) {
      const names = parametersOf(on.program, network);
      expect(same(on.state, off.state, names), network).toBe(false);
      // One step of Adam from the live weights, not from those that stood in.
      const distance = Math.max(
        ...names.flatMap((name) =>
          Array.from(dataOf(on.state, name) as Float32Array, (x, i) =>
            Math.abs(x - Number(dataOf(start.state, name)[i])),
          ),
        ),
      );
      expect(distance).toBeLessThan(0.002);
      expect(distance).toBeGreaterThan(0);
      for (const name of names)
        expect(dataOf(on.state, `stand-in/${name}`)).toEqual(dataOf(swapped, `stand-in/${name}`));
    }
  });

  test('fill their shelves in turn, and any that was filled before stands in', () => {
    const slots = [3, 6, 9, 12, 15].map((step) => snapshotSlots(options, step));
    expect(slots.map(({ take }) => take)).toEqual([0, 1, 0, 1, 0]);
    expect(slots.slice(0, 2).map(({ use }) => use)).toEqual([undefined, 0]);
    const used = Array.from({ length: 100 }, (_, i) => snapshotSlots(options, 3 * (i + 3)).use!);
    expect(mean(used)).toBeGreaterThan(0.3);
    expect(mean(used)).toBeLessThan(0.7);
  });

  test('stand in for the asked steps after each', () => {
    const control = buildProgram(recipe, points).controls.find(({ name }) => name === 'snapshots/stand-in')!;
    expect(Array.from({ length: 12 }, (_, step) => control.at(step))).toEqual([
      0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 1, 0,
    ]);
  });

  test('may not stand in all the time', () => {
    expect(() => buildProgram(pointsRecipe({ snapshots: { count: 2, every: 3, steps: 3 } }), points)).toThrow(
      'snapshots: steps 3 must be fewer than every, 3: the live opponent would never come back',
    );
  });
});

describe('target networks', () => {
  test("follow the live weights by Polyak's rule, running statistics included", async () => {
    const tau = 0.1;
    const recipe = pointsRecipe(
      { targetNetworks: { tau, of: 'both' } },
      { network: { ...pointsRecipe().network, normalization: 'batch' } as never },
    );
    const { program, states } = await trainSteps(recipe, points, 4);
    const names = program.state.map(({ name }) => name).filter((name) => name.startsWith('target/'));
    expect(names.some((name) => name.endsWith('running_mean'))).toBe(true);
    for (const name of names) {
      const live = name.slice('target/'.length);
      let target = Array.from(dataOf(stateOf(program), live) as Float32Array);
      for (const state of states)
        target = target.map((value, i) => tau * Number(dataOf(state, live)[i]) + (1 - tau) * value);
      const actual = dataOf(states.at(-1)!, name) as Float32Array;
      target.forEach((value, i) => {
        expect(actual[i], name).toBeCloseTo(value, 5);
      });
    }
  });

  test.each([
    ['generator', 'discriminator'],
    ['discriminator', 'generator'],
  ] as const)('of the %s: it is the %s that learns against it', async (of, learner) => {
    // A target that lags far behind: after one step it is no longer the live network.
    const off = await trainSteps(pointsRecipe(), points, 2);
    const on = await trainSteps(pointsRecipe({ targetNetworks: { tau: 1e-6, of } }), points, 2);
    expect(same(on.state, off.state, parametersOf(on.program, learner))).toBe(false);
    // The first step starts from equal networks; D is judged after its update.
    if (of === 'generator')
      expect(same(on.states[0]!, off.states[0]!, parametersOf(on.program, learner))).toBe(true);
  });
});

describe('historical averaging', () => {
  test('keeps the mean of all weights so far, and pulls towards it', async () => {
    const { program, states } = await trainSteps(pointsRecipe({ historicalAveraging: 0.01 }), points, 5);
    const start = stateOf(program);
    for (const name of parametersOf(program, 'generator')) {
      const all = [start, ...states].map((state) => dataOf(state, name) as Float32Array);
      const average = dataOf(states.at(-1)!, `historical-mean/${name}`) as Float32Array;
      average.forEach((value, i) => {
        expect(value).toBeCloseTo(mean(all.map((data) => data[i]!)), 5);
      });
    }
  });

  test('with a great weight the gradient is 2 weight (theta - mean)', async () => {
    const weight = 1000;
    const sgd = { kind: 'sgd', learningRate: 1e-5, momentum: 0 } as const;
    const recipe = pointsRecipe(
      { historicalAveraging: weight },
      { optimizer: { generator: sgd, discriminator: sgd } },
    );
    const { program } = await trainSteps(recipe, points, 0);
    const name = parametersOf(program, 'generator')[0]!;
    const start = stateOf(program);
    const shifted = (dataOf(start, `historical-mean/${name}`) as Float32Array).map((x) => x - 0.5);
    const state = new Map(start).set(`historical-mean/${name}`, { ...start.get(name)!, data: shifted });
    const { state: after } = await trainSteps(recipe, points, 1, { state });
    const change = (dataOf(after, name) as Float32Array).map((x, i) => x - Number(dataOf(start, name)[i]));
    // -rate x 2 x weight x 0.5, and the small share of the adversarial loss.
    change.forEach((value) => {
      expect(value).toBeCloseTo(-0.01, 3);
    });
  });
});

describe('minibatch discrimination', () => {
  const [kernels, dimensions, features, n] = [3, 2, 4, 6];

  /** @param group samples that are compared with each other */
  async function featuresOf(x: ArrayLike<number>, group: number) {
    const hooks = minibatchDiscrimination.hooks(
      pointsRecipe({ minibatchDiscrimination: { kernels, dimensions, group } }),
      points,
    )!;
    const graph = new Graph('minibatch');
    const pass = new Pass({ graph, network: 'discriminator', training: true });
    graph.output('y', hooks.features!(pass, graph.input('x', 'float32', [n, features])));
    const weight = direction(features * kernels * dimensions, 3);
    const model = await Model.load(graph);
    const { y } = await model.run({ x, [graph.inputs[1]!.name!]: weight });
    await model.release();
    return { y: Array.from(y!), weight };
  }

  test.each([
    [64, 6],
    [3, 3],
    [2, 2],
    [4, 6],
  ])('is the formula of the paper, in groups of at least %i: %i', async (group, among) => {
    const x = direction(n * features, 1);
    const { y, weight } = await featuresOf(x, group);
    const width = kernels * dimensions;
    const m = (i: number, column: number) =>
      Array.from({ length: features }, (_, k) => x[i * features + k]! * weight[k * width + column]!).reduce(
        (a, b) => a + b,
      );
    for (let i = 0; i < n; i++)
      for (let b = 0; b < kernels; b++) {
        let sum = 0;
        for (let j = 0; j < n; j++) {
          if (j === i || Math.floor(j / among) !== Math.floor(i / among)) continue;
          let apart = 0;
          for (let c = 0; c < dimensions; c++)
            apart += Math.abs(m(i, b * dimensions + c) - m(j, b * dimensions + c));
          sum += Math.exp(-apart);
        }
        expect(y[i * (features + kernels) + features + b]).toBeCloseTo(sum, 4);
      }
  });

  describe('exported', () => {
    const recipe = pointsRecipe({ minibatchDiscrimination: { kernels, dimensions, group: 3 } }, { batch: 6 });
    const one = direction(features, 1);
    /** Features of the first of `count` samples, the same ones over and over. */
    async function exported(count: number, of: readonly (readonly number[])[]) {
      const graph = new Graph('minibatch');
      const pass = new Pass({ graph, network: 'discriminator', training: false });
      const { features: compare } = minibatchDiscrimination.hooks(recipe, points)!;
      graph.output('y', compare!(pass, graph.input('x', 'float32', ['N', features])));
      const weight = direction(features * kernels * dimensions, 3);
      const model = await Model.load(graph);
      const x = Array.from({ length: count }, (_, i) => of[i % of.length]!).flat();
      const { y } = await model.run({ x, [graph.inputs[1]!.name!]: weight });
      await model.release();
      return Array.from(y!).slice(features, features + kernels);
    }

    test('a collapsed batch of any size gives what one in training does', async () => {
      for (const count of [2, 3, 6, 50])
        for (const value of await exported(count, [Array.from(one)])) expect(value).toBeCloseTo(3 - 1, 5);
    });

    test('what a batch gives does not grow with it', async () => {
      const two = [Array.from(one), Array.from(direction(features, 2))];
      const [few, many] = [await exported(100, two), await exported(400, two)];
      few.forEach((value, b) => {
        // Of 99 others 49 are the same, of 399 199.
        expect(Math.abs(value - many[b]!)).toBeLessThan(0.01);
      });
    });

    test('a sample alone has nothing to be compared with', async () => {
      expect(await exported(1, [Array.from(one)])).toEqual([0, 0, 0]);
    });
  });

  test('a collapsed batch gives the most there is: one less than its size', async () => {
    const one = direction(features, 1);
    const { y } = await featuresOf(
      Float64Array.from({ length: n * features }, (_, i) => one[i % features]!),
      64,
    );
    for (let i = 0; i < n; i++)
      for (let b = 0; b < kernels; b++)
        expect(y[i * (features + kernels) + features + b]).toBeCloseTo(n - 1, 5);
  });
});

test('the state of techniques starts as a copy of what it copies', () => {
  const program = buildProgram(
    pointsRecipe({ snapshots: { count: 1, every: 5, steps: 1 }, historicalAveraging: 1 }),
    points,
  );
  const state = stateOf(program);
  for (const { name, copyOf } of program.state)
    if (copyOf !== undefined) expect(dataOf(state, name), name).toEqual(dataOf(state, copyOf));
  expect(program.state.filter(({ parked }) => parked).length).toBeGreaterThan(0);
  expect(tensor('float32', [1]).shape).toEqual([1]);
});
