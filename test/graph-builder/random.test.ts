import { describe, expect, it } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import { latentNumbers, normals, normalTable, uniforms } from '../../graph-builder/hash.ts';
import { probit } from '../../graph-builder/probit.ts';
import { RandomStreams } from '../../graph-builder/random.ts';
import { evaluate } from './model.ts';

type Draw = (random: RandomStreams, graph: Graph) => void;

async function draw(seed: number, step: number, build: Draw) {
  const graph = new Graph('random');
  build(RandomStreams.of(graph, graph.scalar(seed, 'int32'), graph.scalar(step, 'int32')), graph);
  return evaluate(graph);
}

describe('random streams', () => {
  it.each([
    [0, 0],
    [7, 123456],
    [-2147483648, 2147483647],
  ])('draw in a graph what the host computes, bit for bit (seed %i, step %i)', async (seed, step) => {
    const results = await draw(seed, step, (random, graph) => {
      graph.output('normal', random.normal('a', [5, 3, 7]));
      graph.output('uniform', random.uniform('b', [105]));
    });
    expect([...Array.from(results.normal!)]).toEqual([...normals(seed, step, 'a', 105)]);
    expect([...Array.from(results.uniform!)]).toEqual([...uniforms(seed, step, 'b', 105)]);
  });

  it.each(['normal', 'uniform'] as const)(
    'draws %s latents about zero, with the variance of their distribution',
    (latent) => {
      const values = latentNumbers(latent, 3, 20_000);
      const variance = average(values.map((z) => z * z));
      expect(Math.abs(average(values))).toBeLessThan(0.03);
      expect(variance).toBeCloseTo(latent === 'normal' ? 1 : 1 / 3, 1);
    },
  );

  it('does not depend on the batch: the first samples are the same', () => {
    expect(normals(1, 2, 'z', 100).slice(0, 40)).toEqual(normals(1, 2, 'z', 40));
  });

  it('gives the symbolic batch what it gives the fixed one', async () => {
    const graph = new Graph('symbolic');
    const x = graph.input('x', 'float32', ['N', 3]);
    const random = RandomStreams.of(graph, graph.scalar(3, 'int32'), graph.scalar(0, 'int32'));
    graph.output('normal', random.normal('s', ['N', 4]));
    graph.output('echo', x);
    const fixed = new Graph('fixed');
    fixed.input('x', 'float32', [6, 3]);
    const seeded = RandomStreams.of(fixed, fixed.scalar(3, 'int32'), fixed.scalar(0, 'int32'));
    fixed.output('normal', seeded.normal('s', [6, 4]));
    const expected = normals(3, 0, 's', 24);
    expect(Array.from((await evaluate(fixed, { x: new Float32Array(18) })).normal!)).toEqual([...expected]);
    const { session, ort } = await loadSymbolic(graph);
    const { normal } = await session.run({ x: new ort.Tensor('float32', new Float32Array(18), [6, 3]) });
    expect(normal!.data).toEqual(expected);
  });

  it('keeps a share of a mask, all of it and nothing of it', async () => {
    const results = await draw(1, 1, (random, graph) => {
      graph.output('half', random.mask('half', [100_000], 0.5));
      graph.output('most', random.mask('most', [100_000], 0.9));
      graph.output('all', random.mask('all', [1000], 1));
      graph.output('none', random.mask('none', [1000], 0));
    });
    const mean = (name: string) => average(results[name]!);
    // Five standard errors of a share over 10^5 draws.
    expect(Math.abs(mean('half') - 0.5)).toBeLessThan(0.008);
    expect(Math.abs(mean('most') - 0.9)).toBeLessThan(0.005);
    expect(mean('all')).toBe(1);
    expect(mean('none')).toBe(0);
  });

  it('draws every index of a range, evenly', async () => {
    const { index } = await draw(5, 6, (random, graph) => {
      graph.output('index', random.index('i', [100_000], 10));
    });
    const counts = new Array<number>(10).fill(0);
    for (const i of Array.from(index!)) counts[i]!++;
    expect(chiSquared(counts)).toBeLessThan(33.7); // 99.99 % quantile with 9 degrees of freedom
  });

  it('refuses to draw one stream twice and a probability outside [0, 1]', () => {
    const graph = new Graph('random');
    const random = RandomStreams.of(graph, graph.scalar(0, 'int32'), graph.scalar(0, 'int32'));
    random.uniform('x', [2]);
    expect(() => random.uniform('x', [2])).toThrow('stream "x" must be drawn from once');
    expect(() => random.mask('y', [2], 1.5)).toThrow('probability 1.5 must be in [0, 1]');
  });
});

describe('quality', () => {
  const n = 2 ** 18;

  it.each([0, 1, -5, 2 ** 30])(
    'of uniform numbers: mean, variance, buckets, serial pairs (seed %i)',
    (seed) => {
      const u = uniforms(seed, 1, 'quality', n);
      expect(Math.abs(average(u) - 0.5) / Math.sqrt(1 / 12 / n)).toBeLessThan(4);
      const variance = average(u.map((x) => (x - 0.5) ** 2)) * 12;
      expect(Math.abs(variance - 1) / Math.sqrt(0.8 / n)).toBeLessThan(4);
      const buckets = new Array<number>(256).fill(0);
      const pairs = new Array<number>(256).fill(0);
      for (let i = 0; i < n; i++) {
        buckets[Math.floor(u[i]! * 256)]!++;
        if (i % 2 === 0) pairs[Math.floor(u[i]! * 16) * 16 + Math.floor(u[i + 1]! * 16)]!++;
      }
      // chi squared with 255 degrees of freedom: mean 255, standard deviation 22.6.
      expect(Math.abs(chiSquared(buckets) - 255) / 22.6).toBeLessThan(4.5);
      expect(Math.abs(chiSquared(pairs) - 255) / 22.6).toBeLessThan(4.5);
    },
  );

  it('of neighbours: seeds, steps, streams and lags are not correlated', () => {
    const base = normals(1, 1, 'a', n);
    const others = {
      seed: normals(2, 1, 'a', n),
      step: normals(1, 2, 'a', n),
      stream: normals(1, 1, 'b', n),
      lag1: base.slice(1),
      lag64: base.slice(64),
      lag4096: base.slice(4096),
    };
    for (const [name, other] of Object.entries(others)) {
      const correlation = average(other.map((x, i) => x * base[i]!));
      expect(Math.abs(correlation) * Math.sqrt(other.length), name).toBeLessThan(4);
    }
  });

  it('of normal numbers: moments of the table', () => {
    const table = normalTable();
    expect(average(table)).toBeCloseTo(0, 6);
    expect(average(table.map((x) => x * x))).toBeCloseTo(1, 6);
    expect(average(table.map((x) => x ** 4))).toBeCloseTo(3, 1);
    expect(table.every((x, i) => i === 0 || x > table[i - 1]!)).toBe(true);
  });

  it('probit agrees with published quantiles', () => {
    // Values of Python's statistics.NormalDist().inv_cdf.
    expect(probit(1e-9)).toBeCloseTo(-5.9978070150076865, 12);
    expect(probit(0.01)).toBeCloseTo(-2.3263478740408408, 14);
    expect(probit(0.7)).toBeCloseTo(0.5244005127080407, 15);
    expect(probit(1 - 1e-12)).toBeCloseTo(7.0344869100478356, 12);
  });
});

function average(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function chiSquared(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

async function loadSymbolic(graph: Graph) {
  const ort = await import('onnxruntime-node');
  const { encodeModel } = await import('../../artifacts/onnx/encode.ts');
  const { compile } = await import('../../graph-builder/rewrites/index.ts');
  return { ort, session: await ort.InferenceSession.create(encodeModel(compile(graph, 'portable'))) };
}
