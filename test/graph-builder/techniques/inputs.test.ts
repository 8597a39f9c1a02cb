import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../../artifacts/onnx/encode.ts';
import { normalizedInputs } from '../../../graph-builder/techniques/01-normalized-inputs.ts';
import { sphericalLatent } from '../../../graph-builder/techniques/03-latent.ts';
import { softLabels } from '../../../graph-builder/techniques/06-soft-labels.ts';
import { instanceNoise, layerNoise, noiseAt } from '../../../graph-builder/techniques/13-noise.ts';
import { gradients } from '../../../graph-builder/autodiff.ts';
import { activation } from '../../../graph-builder/techniques/05-no-sparse-gradients.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import { reduceSum } from '../../../graph-builder/ops/reduction.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { generatorGraph } from '../../../graph-builder/export.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import { greatCircle, straightLine } from '../../../inference/latent.ts';
import { dcgan, recipeOf } from '../../parity/recipes.ts';
import { techniquesOff } from '../../../graph-builder/techniques/index.ts';
import { normals } from '../../../graph-builder/hash.ts';
import { direction, evaluate } from '../model.ts';
import { deviation, filled, images, mean, pointsRecipe, points, sketch, stateOf } from './program-steps.ts';

const draws = 100_000;

describe('1 normalised inputs', () => {
  test('bytes become [-1, 1], points stay as they are', async () => {
    const hooks = normalizedInputs.hooks(pointsRecipe(), images(1, 16))!;
    const { graph } = sketch(hooks);
    graph.output('y', hooks.data!(graph.constant(tensor('uint8', [0, 51, 255]))));
    const { y } = await evaluate(graph);
    [-1, -0.6, 1].forEach((value, i) => {
      expect(y![i]).toBeCloseTo(value, 6);
    });
    expect(normalizedInputs.hooks(pointsRecipe(), points)).toBeUndefined();
  });

  test("G's images lie in [-1, 1] whatever its weights", async () => {
    const program = buildProgram(recipeOf(dcgan), images(1, 16));
    const state = new Map(
      [...stateOf(program)].map(([name, value]) => [
        name,
        { ...value, data: (value.data as Float32Array).map((x) => 40 * x) },
      ]),
    );
    const session = await ort.InferenceSession.create(encodeModel(generatorGraph(program, state)));
    const z = new ort.Tensor('float32', normals(1, 0, 'z', 4 * 16), [4, 16]);
    const y = (await session.run({ z })).images!.data as Float32Array;
    await session.release();
    expect(Math.max(...y.map(Math.abs))).toBeLessThanOrEqual(1);
    expect(deviation(y)).toBeGreaterThan(0.5);
  });
});

describe('3 spherical z', () => {
  const drawn = async (latent: 'normal' | 'uniform') => {
    const hooks = sphericalLatent.hooks(pointsRecipe({ latent }), points)!;
    const { graph, step } = sketch(hooks);
    graph.output('z', hooks.latent!('z', [draws, 1], step));
    return (await evaluate(graph)).z!;
  };

  test('is Gaussian', async () => {
    const z = await drawn('normal');
    expect(mean(z)).toBeCloseTo(0, 1.7);
    expect(deviation(z)).toBeCloseTo(1, 1.7);
    expect(mean(Float64Array.from(z, (x) => x ** 4))).toBeCloseTo(3, 0.7);
    const beyond = Array.from(z).filter((x) => Math.abs(x) > 2).length / draws;
    expect(beyond).toBeCloseTo(0.0455, 2);
  });

  test('or uniform in (-1, 1), for comparison', async () => {
    const z = await drawn('uniform');
    expect(
      Math.max(...Array.from(z.length > 1000 ? Array.from(z).slice(0, 1000) : z, Math.abs)),
    ).toBeLessThan(1);
    expect(mean(z)).toBeCloseTo(0, 1.7);
    expect(deviation(z)).toBeCloseTo(1 / Math.sqrt(3), 1.7);
  });

  test('the great circle keeps the length of latents, the straight line leaves the shell', () => {
    const dim = 256;
    const [a, b] = [normals(1, 0, 'z', dim), normals(2, 0, 'z', dim)];
    const lengthOf = (path: Float32Array, frame: number) =>
      Math.hypot(...path.subarray(frame * dim, (frame + 1) * dim)) / Math.sqrt(dim);
    expect(lengthOf(greatCircle(a, b, 3), 1)).toBeCloseTo(1, 1);
    expect(lengthOf(straightLine(a, b, 3), 1)).toBeLessThan(0.8);
  });
});

describe('5 no sparse gradients', () => {
  test.each([
    [0.2, 0],
    [0, 0.5],
  ])('with a slope of %d a share of %d gets no gradient', async (slope, share) => {
    const graph = new Graph('slope');
    const x = graph.input('x', 'float32', [1000]);
    const [gradient] = gradients(reduceSum(activation(x, slope)), [x]);
    graph.output('gradient', gradient!);
    const result = (await evaluate(graph, { x: direction(1000, 1) }, 'portable')).gradient!;
    expect(Array.from(result).filter((value) => value === 0).length / 1000).toBeCloseTo(share, 1.2);
  });
});

describe('6 soft labels', () => {
  const options = { real: [0.7, 1.2], fake: [0, 0.3], swap: 0.05 } as const;
  const targets = async (side: 'real' | 'fake', changes: Partial<{ swap: number }> = {}) => {
    const hooks = softLabels.hooks(pointsRecipe({ softLabels: { ...options, ...changes } }), points)!;
    const { graph, step } = sketch(hooks);
    graph.output('t', hooks.targets!(filled(graph, [draws], 0), side, step));
    return Array.from((await evaluate(graph)).t!);
  };

  test.each([
    ['real', 0.7, 1.2],
    ['fake', 0, 0.3],
  ] as const)('%s targets are uniform in [%d, %d]', async (side, low, high) => {
    const t = await targets(side, { swap: 0 });
    expect(Math.min(...t.slice(0, 5000))).toBeGreaterThanOrEqual(low);
    expect(Math.max(...t.slice(0, 5000))).toBeLessThanOrEqual(high);
    expect(mean(t)).toBeCloseTo((low + high) / 2, 2.3);
    expect(deviation(t)).toBeCloseTo((high - low) / Math.sqrt(12), 2.3);
  });

  test.each(['real', 'fake'] as const)(
    'one %s sample in twenty gets a target of the other side',
    async (side) => {
      const t = await targets(side);
      const swapped = t.filter((value) => (side === 'real' ? value < 0.5 : value > 0.5));
      expect(swapped.length / draws).toBeCloseTo(0.05, 2.3);
      const [low, high] = side === 'real' ? [0, 0.3] : [0.7, 1.2];
      expect(Math.min(...swapped)).toBeGreaterThanOrEqual(low);
      expect(Math.max(...swapped)).toBeLessThanOrEqual(high + 1e-6);
    },
  );

  test('one-sided: fakes keep their target', async () => {
    const hooks = softLabels.hooks(
      pointsRecipe({ softLabels: { real: [0.9, 0.9], fake: [0, 0], swap: 0 } }),
      points,
    )!;
    const { graph, step } = sketch(hooks);
    graph.output('t', hooks.targets!(filled(graph, [8], 0), 'fake', step));
    expect([...Array.from((await evaluate(graph)).t!)]).toEqual(new Array(8).fill(0));
  });
});

describe('13 noise', () => {
  const schedule = { std: 0.2, decay: 'linear', steps: 1000 } as const;

  test.each([
    ['linear', [0.2, 0.1, 0]],
    ['cosine', [0.2, 0.1, 0]],
    ['exponential', [0.2, 0.02, 0.002]],
  ] as const)('%s: the std that D sees at steps 0, half and end is %j', async (decay, expected) => {
    const hooks = instanceNoise.hooks(pointsRecipe({ instanceNoise: { ...schedule, decay } }), points)!;
    for (const [i, std] of expected.entries())
      for (const side of ['real', 'fake'] as const) {
        const { graph, step } = sketch(hooks, i * 500);
        graph.output(
          'x',
          hooks.discriminatorInput!(filled(graph, [draws / 2, 2], 3), side, 'discriminator', step),
        );
        const { x } = await evaluate(graph);
        expect(deviation(x!)).toBeCloseTo(std, 2.3);
        expect(mean(x!)).toBeCloseTo(3, 2.3);
      }
  });

  test('stays at its end', () => {
    expect(noiseAt(schedule, 5000)).toBe(0);
    expect(noiseAt({ ...schedule, decay: 'cosine' }, 5000)).toBeCloseTo(0, 12);
  });

  test("G's layers are noisy in training and not in the export", () => {
    const recipe = recipeOf(dcgan, { techniques: { ...techniquesOff, layerNoise: schedule } });
    expect(layerNoise.hooks(recipe, images(1, 16))).toBeDefined();
    const program = buildProgram(recipe, images(1, 16));
    expect(program.stepGraph().nodes.some(({ scope }) => scope.endsWith('noise'))).toBe(true);
    const exported = generatorGraph(program, stateOf(program));
    expect(exported.nodes.some(({ scope }) => scope.includes('noise'))).toBe(false);
    expect(exported.inputs.map(({ name }) => name)).toEqual(['z']);
  });
});
