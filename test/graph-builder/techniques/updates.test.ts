import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../../graph-builder/program.ts';
import type { State } from '../../parity/training-run.ts';
import { dcgan, images, recipeOf } from '../../parity/recipes.ts';
import { dataOf, parametersOf, points, pointsRecipe, stateOf, trainSteps } from './program-steps.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';

// 4, 9 and 11, and freezing: on which batch, by what rule and whether a network learns.

const learnt = (before: State, after: State, name: string) =>
  Buffer.compare(
    Buffer.from((dataOf(before, name) as Float32Array).buffer),
    Buffer.from((dataOf(after, name) as Float32Array).buffer),
  ) !== 0;

/** For each step whether the first weight of a network, and its first moment, changed. */
function changes(start: State, states: readonly State[], name: string): boolean[] {
  const player = name.split('/')[0]!;
  return states.map((state, i) => {
    const before = i === 0 ? start : states[i - 1]!;
    const weight = learnt(before, state, name);
    const moment = learnt(before, state, `optimizer/${player}/first_moment/${name}`);
    const counter =
      dataOf(before, `optimizer/${player}/updates`)[0] !== dataOf(state, `optimizer/${player}/updates`)[0];
    // All of a network's state learns, or none of it.
    expect([moment, counter]).toEqual([weight, weight]);
    return weight;
  });
}

describe('11 the loss threshold', () => {
  test.each([
    ['discriminator', { discriminator: 1e9, generator: -1e9, cap: 3 }],
    ['generator', { discriminator: -1e9, generator: 1e9, cap: 3 }],
  ] as const)(
    'a %s whose loss is below it skips, at most as often in a row as the cap',
    async (skipper, lossThreshold) => {
      const { program, states } = await trainSteps(pointsRecipe({ lossThreshold }), points, 9);
      for (const network of ['generator', 'discriminator'] as const) {
        const name = parametersOf(program, network)[0]!;
        const expected =
          network === skipper ? [0, 0, 0, 1, 0, 0, 0, 1, 0].map(Boolean) : new Array<boolean>(9).fill(true);
        expect(changes(stateOf(program), states, name), network).toEqual(expected);
      }
    },
  );

  test('above it both learn as without', async () => {
    const on = await trainSteps(
      pointsRecipe({ lossThreshold: { discriminator: -1, generator: -1, cap: 2 } }),
      points,
      3,
    );
    const off = await trainSteps(pointsRecipe(), points, 3);
    for (const { name } of off.program.state)
      expect(dataOf(on.state, name), name).toEqual(dataOf(off.state, name));
  });
});

describe('8 freezing', () => {
  test.each([
    // D's losses are near log 2: it leads by this reckoning.
    ['discriminator', { equilibrium: 5, margin: 1, cap: 2 }],
    ['generator', { equilibrium: -5, margin: 1, cap: 2 }],
  ] as const)('holds the %s that leads, and lets it go after the cap', async (frozen, freezing) => {
    const { program, states } = await trainSteps(pointsRecipe({ freezing }), points, 6);
    for (const network of ['generator', 'discriminator'] as const) {
      const name = parametersOf(program, network)[0]!;
      const expected =
        network === frozen ? [0, 0, 1, 0, 0, 1].map(Boolean) : new Array<boolean>(6).fill(true);
      expect(changes(stateOf(program), states, name), network).toEqual(expected);
    }
  });

  test('where both would stop, both go on', async () => {
    // A negative margin: every loss is both below the one bound and above the other.
    const { program, states } = await trainSteps(
      pointsRecipe({ freezing: { equilibrium: 0.7, margin: -3, cap: 5 } }),
      points,
      2,
    );
    for (const network of ['generator', 'discriminator'] as const)
      expect(changes(stateOf(program), states, parametersOf(program, network)[0]!)).toEqual([true, true]);
  });
});

test('what freezing and a loss threshold hold together learns again after the least of their caps', async () => {
  const recipe = pointsRecipe({
    freezing: { equilibrium: 5, margin: 1, cap: 4 },
    lossThreshold: { discriminator: 1e9, generator: -1e9, cap: 2 },
  });
  const { program, states } = await trainSteps(recipe, points, 6);
  const name = parametersOf(program, 'discriminator')[0]!;
  expect(changes(stateOf(program), states, name)).toEqual([0, 0, 1, 0, 0, 1].map(Boolean));
});

test('more updates of D: each on a batch of its own', async () => {
  const { program, state, telemetry } = await trainSteps(pointsRecipe({ discriminatorSteps: 3 }), points, 2);
  expect(program.samplesPerStep).toBe(12);
  expect(Number(dataOf(state, 'optimizer/discriminator/updates')[0])).toBe(6);
  expect(Number(dataOf(state, 'optimizer/generator/updates')[0])).toBe(2);
  expect(telemetry.flatMap((row) => [...row]).every(Number.isFinite)).toBe(true);
  // Three updates on three batches are not one update thrice: the batches differ.
  const once = await trainSteps(pointsRecipe({}), points, 1);
  const name = parametersOf(program, 'discriminator')[0]!;
  expect(dataOf(state, name)).not.toEqual(dataOf(once.state, name));
});

describe('9 decay of the learning rates', () => {
  test.each([
    ['linear', [1, 0.5, 0, 0]],
    ['cosine', [1, 0.5, 0, 0]],
    ['exponential', [1, 0.1, 0.01, 1e-4]],
  ] as const)('%s: at the start, half way, at the end and beyond', (decay, shares) => {
    const recipe = pointsRecipe({ rateDecay: { decay, steps: 100 } });
    const { controls } = buildProgram(recipe, points);
    for (const player of ['generator', 'discriminator'] as const) {
      const { at } = controls.find(({ name }) => name === `${player}/learningRate`)!;
      [0, 50, 100, 200].forEach((step, i) => {
        expect(at(step)).toBeCloseTo(recipe.optimizer[player].learningRate * shares[i]!, 10);
      });
    }
  });

  test('at rate 0 no weight moves', async () => {
    const { program, states } = await trainSteps(
      pointsRecipe({ rateDecay: { decay: 'linear', steps: 2 } }),
      points,
      4,
    );
    for (const { name } of [...program.generator.parameters, ...program.discriminator.parameters]) {
      expect(dataOf(states[0]!, name), name).not.toEqual(dataOf(states[1]!, name));
      expect(dataOf(states[3]!, name), name).toEqual(dataOf(states[1]!, name));
    }
  });
});

describe('9 Adam, or gradient descent for D', () => {
  test("D's step is the rate times the gradient, G's first one the rate itself", async () => {
    const rate = 0.01;
    const sgd = { kind: 'sgd', learningRate: rate, momentum: 0 } as const;
    const adam = { kind: 'adam', learningRate: rate, beta1: 0.5, beta2: 0.999, epsilon: 1e-8 } as const;
    const recipe = pointsRecipe({}, { optimizer: { generator: adam, discriminator: sgd } });
    const { program, state, telemetry } = await trainSteps(recipe, points, 1);
    const start = stateOf(program);
    const moved = (network: 'generator' | 'discriminator') =>
      parametersOf(program, network).flatMap((name) =>
        Array.from(dataOf(state, name) as Float32Array, (x, i) => x - Number(dataOf(start, name)[i])),
      );
    const dGradNorm = telemetry[0]![program.telemetry.indexOf('dGradNorm')]!;
    expect(Math.hypot(...moved('discriminator'))).toBeCloseTo(rate * dGradNorm, 5);
    expect(Math.max(...moved('generator').map(Math.abs))).toBeCloseTo(rate, 4);
    expect(program.state.some(({ name }) => name.startsWith('optimizer/discriminator'))).toBe(false);
  });
});

describe('4 separate batches', () => {
  const sample = images(1, 16);
  const options = (batches: 'separate' | 'mixed') =>
    recipeOf({ ...dcgan, filters: 2 }, { techniques: { ...techniquesOff, batches } });

  /** What D says of the real batch, with fakes of two different generators. */
  async function realJudgements(batches: 'separate' | 'mixed') {
    const recipe = options(batches);
    const start = stateOf(buildProgram(recipe, sample));
    const other = new Map(
      [...start].map(([name, value]) => [
        name,
        name.startsWith('generator/') && name.endsWith('weight')
          ? { ...value, data: (value.data as Float32Array).map((x) => 30 * x + 1) }
          : value,
      ]),
    );
    const dReal = async (state: State) => {
      const { program, telemetry } = await trainSteps(recipe, sample, 1, { state });
      return telemetry[0]![program.telemetry.indexOf('dReal')];
    };
    return [await dReal(start), await dReal(other)];
  }

  test('what D says of real samples does not depend on the fakes', async () => {
    const [a, b] = await realJudgements('separate');
    expect(a).toBe(b);
  });

  test('in a mixed batch it does', async () => {
    const [a, b] = await realJudgements('mixed');
    expect(Math.abs(a! - b!)).toBeGreaterThan(1e-4);
  });
});
