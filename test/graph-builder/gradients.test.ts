import { describe, expect, test } from 'vitest';
import { gradients } from '../../graph-builder/autodiff.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Node, Value } from '../../graph-builder/graph.ts';
import { leakyRelu, relu } from '../../graph-builder/ops/activation.ts';
import { abs, add, clip, max, min, Mul, mul, neg, pow, sub } from '../../graph-builder/ops/elementwise.ts';
import { reshape } from '../../graph-builder/ops/movement.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import type { GradientRule, OpDef } from '../../graph-builder/ops/op.ts';
import { reduceL2, reduceMax, reduceMin, reduceSum } from '../../graph-builder/ops/reduction.ts';
import { registry } from '../../graph-builder/ops/registry.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { cases } from './gradient-cases/index.ts';
import type { Case } from './gradient-cases/case.ts';
import { differentiate, forward, mismatches, withOp } from './gradient-check.ts';
import { evaluate, types } from './model.ts';

const operators = new Map<string, OpDef>(Object.entries(registry) as unknown as [string, OpDef][]);
const ruleOf = (op: OpDef) =>
  typeof op.gradient === 'function' ? (op.gradient as GradientRule<object>) : undefined;
const titled = cases.map((c) => [`${c.op} ${c.name}`, c] as const);

describe.each(['portable', 'cpu', 'cuda'] as const)('first and second gradients, %s', (target) => {
  test.each(titled)('%s', async (_, c) => {
    expect(await mismatches(forward(c), c, target)).toEqual([]);
  });
});

describe('the table', () => {
  test('has every operator that has a gradient, and no other', () => {
    const differentiable = [...operators].filter(([, op]) => ruleOf(op)).map(([name]) => name);
    expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(differentiable.sort());
  });

  test('tests in each case the operator it says', () => {
    for (const c of cases) expect(forward(c).nodes.map(({ op }) => op.type)).toContain(c.op);
  });

  test('names each case once', () => {
    expect(new Set(titled.map(([title]) => title)).size).toBe(cases.length);
  });

  test('leaves out what is flat or refused, for a reason', () => {
    const reasons = [...operators].flatMap(([name, { gradient }]) =>
      typeof gradient === 'function' ? [] : [[name, gradient] as const],
    );
    for (const [, reason] of reasons) expect(Object.values(reason).join()).toMatch(/\w+ \w+/);
    const named = (kind: string) => reasons.filter(([, reason]) => kind in reason).map(([name]) => name);
    expect(named('flat').sort()).toEqual(
      [
        'And',
        'Detach',
        'Equal',
        'Floor',
        'Greater',
        'GreaterOrEqual',
        'Less',
        'LessOrEqual',
        'Not',
        'Shape',
      ].sort(),
    );
    expect(named('notDifferentiable')).toEqual([
      'BatchNormalizationChannelsLast',
      'ConvChannelsLast',
      'ConvTransposeChannelsLast',
      'GatherOrZero',
      'Loop',
      'SumInFloat32',
    ]);
  });
});

describe('gradient graphs', () => {
  const isRegistered = ({ op }: Node) => operators.get(op.type) === op;

  test('hold registered operators only, and are sound', () => {
    for (const c of cases) {
      const graph = differentiate(forward(c));
      expect(graph.nodes.every(isRegistered)).toBe(true);
      verify(graph);
    }
  });

  test.each(['portable', 'cpu', 'cuda'] as const)('compiled for %s hold operators of ONNX only', (target) => {
    for (const c of cases) {
      const graph = compile(differentiate(forward(c)), target);
      expect(graph.nodes.filter(({ op }) => op.lower).map(({ op }) => op.type)).toEqual([]);
      expect(graph.nodes.every(isRegistered)).toBe(true);
      verify(graph);
    }
  });
});

describe('the check itself', () => {
  /** The definition with another gradient. */
  const wrong = (change: (rule: GradientRule<object>) => GradientRule<object>) => (op: OpDef) => ({
    ...op,
    gradient: change(ruleOf(op)!),
  });
  const casesOf = (type: string) => cases.filter(({ op }) => op === type);

  /** One input's gradient times `factor`; `wanted` is told when a case asks for it. */
  const scaled =
    (index: number, factor: number, wanted: () => void) =>
    (rule: GradientRule<object>): GradientRule<object> =>
    (context) =>
      rule(context).map((gradient, i) => {
        if (i !== index || !gradient) return gradient;
        return () => {
          wanted();
          return mul(gradient(), factor);
        };
      });

  test.each(Object.keys(registry).filter((type) => ruleOf(operators.get(type)!)))(
    'rejects a gradient of %s that is 1 %% off, by each input',
    async (type) => {
      const arity = Math.max(
        ...casesOf(type).flatMap((c) =>
          forward(c)
            .nodes.filter(({ op }) => op.type === type)
            .map(({ inputs }) => inputs.length),
        ),
      );
      const rejected: number[] = [];
      const asked = new Set<number>();
      for (let i = 0; i < arity; i++)
        for (const c of casesOf(type)) {
          const change = scaled(i, 1.01, () => asked.add(i));
          const problems = await mismatches(withOp(forward(c), type, wrong(change)), c);
          if (problems.length === 0) continue;
          rejected.push(i);
          break;
        }
      expect(asked.size).toBeGreaterThan(0);
      expect(rejected).toEqual([...asked]);
    },
  );

  const first = (type: string): Case => casesOf(type)[0]!;
  const flipped =
    (rule: GradientRule<object>): GradientRule<object> =>
    (context) =>
      rule(context).map((gradient) => gradient && (() => neg(gradient())));

  test('rejects a flipped sign in both orders', async () => {
    const c = first('Tanh');
    const problems = await mismatches(withOp(forward(c), 'Tanh', wrong(flipped)), c);
    expect(problems.join('\n')).toMatch(/order 1 by x0[^]*order 2 by x0/);
  });

  test('rejects a missing term', async () => {
    const c = first('Sigmoid');
    const rule: GradientRule<object> = ({ outputs: [y], dy }) => [() => mul(dy, y!)];
    expect(
      await mismatches(
        withOp(
          forward(c),
          'Sigmoid',
          wrong(() => rule),
        ),
        c,
      ),
    ).not.toEqual([]);
  });

  test('rejects a gradient that is right but cannot be differentiated again', async () => {
    // A product that forgets to hand its own gradient to the second factor.
    const forgetful = {
      ...Mul,
      gradient: ({ inputs: [, b], dy }) => [() => mul(dy, b!), undefined],
    } satisfies typeof Mul;
    const c = first('Tanh');
    const rule: GradientRule<object> = ({ outputs: [y], dy }) => [
      () => emitOne(forgetful, [dy, sub(1, mul(y!, y!))], {}),
    ];
    const problems = await mismatches(
      withOp(
        forward(c),
        'Tanh',
        wrong(() => rule),
      ),
      c,
    );
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('order 2 by x0');
  });

  test('rejects the gradient of a wrong argument', async () => {
    const c = casesOf('Conv').find(({ name }) => name === 'asymmetric pads stride 2')!;
    const mirrored =
      (rule: GradientRule<object>): GradientRule<object> =>
      (context) => {
        const { pads } = context.attributes as { pads: readonly number[] };
        return rule({
          ...context,
          attributes: { ...context.attributes, pads: [...pads.slice(2), ...pads.slice(0, 2)] },
        });
      };
    expect(await mismatches(withOp(forward(c), 'Conv', wrong(mirrored)), c)).not.toEqual([]);
  });
});

describe('where the derivative jumps', () => {
  /** dy/dx at `points`, summed over the outputs. */
  async function slopes(build: (x: Value) => Value, points: readonly number[]): Promise<number[]> {
    const graph = new Graph('slopes');
    const x = graph.input('x', 'float32', [points.length]);
    graph.output('slope', gradients(reduceSum(build(x)), [x])[0]!);
    return Array.from((await evaluate(graph, { x: points }, 'cpu')).slope!);
  }

  test('equal operands of Max and Min take half each', async () => {
    const graph = new Graph('ties');
    const [a, b] = [graph.input('a', 'float32', [3]), graph.input('b', 'float32', [3])];
    for (const [name, build] of Object.entries({ max, min }))
      gradients(reduceSum(build(a, b)), [a, b]).forEach((g, i) => {
        graph.output(`${name}${i}`, g);
      });
    const results = await evaluate(graph, { a: [1, 2, 3], b: [1, 3, 2] }, 'cpu');
    expect(Object.values(results).map((values) => Array.from(values))).toEqual([
      [0.5, 0, 1],
      [0.5, 1, 0],
      [0.5, 1, 0],
      [0.5, 0, 1],
    ]);
  });

  test('equal extrema of ReduceMax and ReduceMin share evenly', async () => {
    expect(await slopes((x) => reduceMax(x), [1, 4, 2, 4])).toEqual([0, 0.5, 0, 0.5]);
    expect(
      await slopes((x) => reduceMin(x, [0], true), [1, 1, 2, 1]).then((s) => s.map(Math.fround)),
    ).toEqual([1 / 3, 1 / 3, 0, 1 / 3].map(Math.fround));
  });

  test.each([
    ['one axis', [1], false],
    ['one axis, kept', [1], true],
    ['several', [2, 1], false],
    ['all', undefined, true],
  ] as const)('ReduceL2 is flat at the zero vector, in both orders: %s', async (_, axes, keepdims) => {
    const graph = new Graph('zeros');
    const x = graph.input('x', 'float32', [2, 2, 2]);
    const [first] = gradients(reduceSum(reduceL2(x, axes, keepdims)), [x]);
    graph.output('first', first!);
    graph.output('second', gradients(reduceSum(mul(first!, add(first!, 2))), [x])[0]!);
    const results = await evaluate(graph, { x: new Array<number>(8).fill(0) }, 'cpu');
    for (const values of Object.values(results)) expect(Array.from(values)).toEqual(new Array(8).fill(0));
  });

  test('and has a slope beside it', async () => {
    expect(await slopes((x) => reduceL2(reshape(x, [2, 2]), [1]), [0, 0, 3, 4])).toEqual(
      [0, 0, 0.6, 0.8].map(Math.fround),
    );
  });

  test('units are flat at 0, or take the slope of the negative side', async () => {
    expect(await slopes(relu, [-1, 0, 1])).toEqual([0, 0, 1]);
    expect(await slopes((x) => leakyRelu(x, 0.25), [-1, 0, 1])).toEqual([0.25, 0.25, 1]);
    expect(await slopes((x) => leakyRelu(x, 0.25), [-1e-30, 1e-30])).toEqual([0.25, 1]);
    expect(await slopes(abs, [-1, 0, 1])).toEqual([-1, 0, 1]);
  });

  test('Clip passes on its edges', async () => {
    expect(await slopes((x) => clip(x, -1, 1), [-2, -1, 0, 1, 2])).toEqual([0, 1, 1, 1, 0]);
  });

  test('Pow by exponent 0 is flat in the base, at 0 too, and so is its gradient', async () => {
    // A zero may have either sign.
    const sizes = async (build: (x: Value) => Value) => (await slopes(build, [0, -1, 2])).map(Math.abs);
    expect(await sizes((x) => pow(x, 0))).toEqual([0, 0, 0]);
    expect(await sizes((x) => pow(x, mul(x.graph.scalar(0), 1)))).toEqual([0, 0, 0]);
    const exponents = (x: Value) => x.graph.constant(tensor('float32', [0, 0, 2]));
    expect(await sizes((x) => pow(x, exponents(x)))).toEqual([0, 0, 4]);
    const slope = (y: Value, x: Value) => gradients(reduceSum(y), [x])[0]!;
    for (const n of [0, 1]) expect(await sizes((x) => slope(pow(x, n), x))).toEqual([0, 0, 0]);
  });

  test('Pow by exponent 0 has a slope that depends on the exponent', async () => {
    const graph = new Graph('mixed');
    const [a, b] = [graph.input('a', 'float32', [2]), graph.input('b', 'float32', [2])];
    const [slope] = gradients(reduceSum(pow(a, b)), [a]);
    graph.output('mixed', gradients(reduceSum(slope!), [b])[0]!);
    // d(b a^(b-1))/db = a^(b-1) at b = 0
    expect(Array.from((await evaluate(graph, { a: [2, 4], b: [0, 0] }, 'cpu')).mixed!)).toEqual([0.5, 0.25]);
  });

  test('Pow by a constant other than 0 has nothing to guard', () => {
    const graph = new Graph('square');
    const x = graph.input('x', 'float32', [3]);
    const loss = reduceSum(pow(x, 2));
    const before = graph.nodes.length;
    gradients(loss, [x]);
    expect(types(graph).slice(before)).toEqual(['Reshape', 'Expand', 'Sub', 'Pow', 'Mul', 'Mul']);
  });

  test('Pow is flat in the exponent at base 0 and below', async () => {
    expect(await slopes((x) => pow(0, x), [1, 2])).toEqual([0, 0]);
    expect(await slopes((x) => pow(-2, x), [2, 3])).toEqual([0, 0]);
  });
});
