import { describe, expect, test } from 'vitest';
import { gradients } from '../../../graph-builder/autodiff.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import { adversarialLosses } from '../../../graph-builder/losses/adversarial.ts';
import { softmaxCrossEntropy } from '../../../graph-builder/losses/classification.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { evaluate } from '../model.ts';

type Name = keyof typeof adversarialLosses;

async function discriminatorAt(name: Name, logits: readonly number[]) {
  const graph = new Graph('loss');
  const l = graph.input('l', 'float32', [logits.length]);
  const { discriminator } = adversarialLosses[name];
  graph.output('real', discriminator(l, 1));
  graph.output('fake', discriminator(l, 0));
  const { real, fake } = await evaluate(graph, { l: logits });
  return { real: real![0]!, fake: fake![0]! };
}

async function generatorAt(name: Name, logits: readonly number[]) {
  const graph = new Graph('loss');
  const l = graph.input('l', 'float32', [logits.length]);
  const loss = adversarialLosses[name].generator(l);
  graph.output('loss', loss);
  graph.output('gradient', gradients(loss, [l])[0]!);
  const { loss: value, gradient } = await evaluate(graph, { l: logits });
  return { loss: value![0]!, gradient: Array.from(gradient!) };
}

describe('2 modified loss', () => {
  test('the values are those of the formulae', async () => {
    const logits = [-2, 0.5, 3];
    const mean = (f: (l: number) => number) => logits.reduce((sum, l) => sum + f(l), 0) / 3;
    const s = (l: number) => 1 / (1 + Math.exp(-l));
    expect((await generatorAt('non-saturating', logits)).loss).toBeCloseTo(
      mean((l) => -Math.log(s(l))),
      5,
    );
    expect((await generatorAt('saturating', logits)).loss).toBeCloseTo(
      mean((l) => Math.log(1 - s(l))),
      5,
    );
    expect((await generatorAt('kl', logits)).loss).toBeCloseTo(
      mean((l) => -l),
      5,
    );
  });

  test('hinge, least squares, Wasserstein and relativistic: the values are those of the formulae', async () => {
    const logits = [-2, 0.5, 3];
    // By hand: max(0, 1 - l) is 3, 0.5, 0 and max(0, 1 + l) is 0, 1.5, 4.
    const hinge = await discriminatorAt('hinge', logits);
    expect(hinge.real).toBeCloseTo(3.5 / 3, 5);
    expect(hinge.fake).toBeCloseTo(5.5 / 3, 5);
    expect((await generatorAt('hinge', logits)).loss).toBeCloseTo(-0.5, 5);
    // (l - 1)^2 is 9, 0.25, 4 and l^2 is 4, 0.25, 9.
    const squares = await discriminatorAt('least-squares', logits);
    expect(squares.real).toBeCloseTo(13.25 / 6, 5);
    expect(squares.fake).toBeCloseTo(13.25 / 6, 5);
    expect((await generatorAt('least-squares', logits)).loss).toBeCloseTo(13.25 / 6, 5);
    // The mean of the logits is 0.5.
    const distance = await discriminatorAt('wasserstein', logits);
    expect(distance.real).toBeCloseTo(-0.5, 5);
    expect(distance.fake).toBeCloseTo(0.5, 5);
    expect((await generatorAt('wasserstein', logits)).loss).toBeCloseTo(-0.5, 5);
    // Of a pair that D tells apart by 1, both sides together: log(1 + e^-1).
    const pair = Math.log(1 + Math.exp(-1));
    const real = (await discriminatorAt('relativistic', [1])).real;
    const fake = (await discriminatorAt('relativistic', [-1])).fake;
    expect(real + fake).toBeCloseTo(pair, 5);
    expect((await generatorAt('relativistic', [1])).loss).toBeCloseTo(pair, 5);
  });

  test('while D wins, the saturating gradient vanishes and the other does not', async () => {
    const won = [-12];
    expect((await generatorAt('non-saturating', won)).gradient[0]).toBeCloseTo(-1, 4);
    expect(Math.abs((await generatorAt('saturating', won)).gradient[0]!)).toBeLessThan(1e-5);
    expect((await generatorAt('kl', won)).gradient[0]).toBe(-1);
  });
});

/** f of the divergences sum q f(p / q), from the f-GAN paper's table 1, and f', the optimal argument of f*. */
const divergences: Partial<Record<Name, { f: (u: number) => number; v: (u: number) => number }>> = {
  'f-kl': { f: (u) => u * Math.log(u), v: (u) => 1 + Math.log(u) },
  // g(v) = -e^(-v) = f'(u) = -1 / u
  'f-reverse-kl': { f: (u) => -Math.log(u), v: (u) => Math.log(u) },
  'f-jensen-shannon': {
    f: (u) => -(u + 1) * Math.log((1 + u) / 2) + u * Math.log(u),
    v: (u) => Math.log(u),
  },
  'f-pearson': { f: (u) => (u - 1) ** 2, v: (u) => 2 * (u - 1) },
  // g(v) = 1 - e^(-v) = f'(u) = 1 - u^(-1/2)
  'f-hellinger': { f: (u) => (Math.sqrt(u) - 1) ** 2, v: (u) => Math.log(u) / 2 },
};

describe('7 KL + GAN: the divergences of f-GAN', () => {
  // Two distributions over three outcomes, as counts of ten.
  const p = [5, 3, 2];
  const q = [2, 2, 6];
  const spread = (counts: readonly number[], values: readonly number[]) =>
    counts.flatMap((count, i) => new Array<number>(count).fill(values[i]!));

  test.each(Object.entries(divergences))(
    '%s: D at its optimum measures the divergence',
    async (name, { f, v }) => {
      const optimum = p.map((count, i) => v(count / q[i]!));
      const lossAt = async (outputs: readonly number[]) => {
        const graph = new Graph('divergence');
        const [real, fake] = [graph.input('real', 'float32', [10]), graph.input('fake', 'float32', [10])];
        const { discriminator } = adversarialLosses[name as Name];
        graph.output('real-loss', discriminator(real, 1));
        graph.output('fake-loss', discriminator(fake, 0));
        const result = await evaluate(graph, { real: spread(p, outputs), fake: spread(q, outputs) });
        return result['real-loss']![0]! + result['fake-loss']![0]!;
      };
      const divergence = q.reduce((sum, count, i) => sum + (count / 10) * f(p[i]! / count), 0);
      const least = await lossAt(optimum);
      expect(-least).toBeCloseTo(divergence, 5);
      for (const change of [0.05, -0.05])
        for (let i = 0; i < 3; i++)
          expect(await lossAt(optimum.map((value, k) => (k === i ? value + change : value)))).toBeGreaterThan(
            least,
          );
    },
  );

  test('a target between fake and real weighs the two', async () => {
    for (const name of Object.keys(adversarialLosses) as Name[]) {
      const graph = new Graph('targets');
      const l = graph.input('l', 'float32', [2]);
      const { discriminator } = adversarialLosses[name];
      graph.output('soft', discriminator(l, graph.constant(tensor('float32', [0.3, 0.3]))));
      graph.output('real', discriminator(l, 1));
      graph.output('fake', discriminator(l, 0));
      const { soft, real, fake } = await evaluate(graph, { l: [0.7, -1.2] });
      expect(soft![0], name).toBeCloseTo(0.3 * real![0]! + 0.7 * fake![0]!, 5);
    }
  });
});

test('12 the cross-entropy of classes is -log softmax at the label, also where exp overflows', async () => {
  const graph = new Graph('classes');
  const logits = graph.input('logits', 'float32', [2, 3]);
  graph.output('loss', softmaxCrossEntropy(logits, graph.constant(tensor('int32', [2, 0]))));
  const { loss } = await evaluate(graph, { logits: [1, 2, 3, 200, 100, 0] });
  const first = -Math.log(Math.exp(3) / (Math.exp(1) + Math.exp(2) + Math.exp(3)));
  expect(loss![0]).toBeCloseTo(first / 2, 5);
});
