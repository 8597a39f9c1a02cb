import { gradients } from '../../graph-builder/autodiff.ts';
import { emit, Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { add, mul } from '../../graph-builder/ops/elementwise.ts';
import type { OpDef, Target } from '../../graph-builder/ops/op.ts';
import { reduceSum } from '../../graph-builder/ops/reduction.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import { formatType, sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';
import type { Case } from './gradient-cases/case.ts';
import { derivative, direction, dot, Model, moved, spread, stencil } from './model.ts';
import type { Results } from './model.ts';

/*
 * How a case is checked. With inputs x, outputs y and random seeds v of the shapes of y,
 *
 *   L(x, v) = sum v y(x)                  g = dL/dx
 *   P(x, v) = sum u g(x, v), u random     h = dP/d(x, v)
 *
 * L is not evaluated: y, g and h are outputs of one model, and the sums are taken here in double precision. Each
 * input, and for P each seed, is moved along its own random direction d. The slope of L must be d.g and that of P
 * must be d.h. As v is an input and differentiated too, the second order covers how every rule depends on dy.
 *
 * d.g is a sum of n terms; its natural size is the root of the sum of their squares (`spread`), which does not
 * vanish when they happen to cancel. An error is measured against it.
 */

/** Largest error against the size of the derivative. */
const tolerances = { linear: 1e-5, kinked: 1e-5, smooth: 1e-4 } as const;
/**
 * Steps are powers of two. Where y is linear in each input by itself the differences are exact for any step; near
 * kinks the step stays below half the distance that the inputs keep from them.
 */
const steps = { linear: 1 / 4, kinked: 1 / 32, smooth: 1 / 32 } as const;
/** What rounding y and g to float32 may add, times their size, over one step. */
const rounding = 2 ** -22;

/** The outputs of a case, on its inputs x0, x1, ... */
export function forward({ inputs, build }: Case): Graph {
  const graph = new Graph('case');
  const xs = inputs.map(({ shape }, i) => graph.input(`x${i}`, 'float32', shape));
  const ys = build(...xs);
  (Array.isArray(ys) ? (ys as Value[]) : [ys as Value]).forEach((y, i) => {
    graph.output(`y${i}`, y);
  });
  return graph;
}

/** Adds seeds v, first gradients g and second gradients h to the graph of a case. */
export function differentiate(graph: Graph): Graph {
  const xs = [...graph.inputs];
  const ys = graph.outputs.map(({ value }) => value);
  const vs = ys.map((y, i) => graph.input(`v${i}`, y.dtype, y.shape));
  const total = (values: readonly Value[]) => values.reduce((sum, value) => add(sum, value));
  const loss = total(ys.map((y, i) => reduceSum(mul(y, vs[i]!))));
  const first = gradients(loss, xs);
  first.forEach((g, i) => {
    graph.output(`g${i}`, g);
  });
  const projection = total(
    first.map((g, i) => {
      const shape = g.shape.map(Number);
      return reduceSum(mul(g, graph.constant(tensor('float32', weights(sizeOf(shape), i), shape))));
    }),
  );
  gradients(projection, [...xs, ...vs]).forEach((h, i) => {
    graph.output(`h${i}`, h);
  });
  return graph;
}

const weights = (size: number, i: number) => direction(size, 100 + i);

/** Where a derivative and its finite difference part; empty for a correct gradient. */
export async function mismatches(
  graph: Graph,
  { inputs, kind = 'smooth' }: Case,
  target: Target = 'cpu',
): Promise<string[]> {
  differentiate(graph);
  const model = await Model.load(graph, target);
  try {
    const feeds: Record<string, ArrayLike<number>> = {};
    graph.inputs.forEach((input, i) => {
      const size = sizeOf(input.shape);
      feeds[input.name!] = inputs[i]?.values ?? direction(size, 200 + i);
    });
    const [outputs, n] = [graph.inputs.length - inputs.length, inputs.length];
    const sum = (count: number, a: (i: number) => ArrayLike<number>, b: (i: number) => ArrayLike<number>) =>
      Array.from({ length: count }, (_, i) => dot(a(i), b(i))).reduce((x, y) => x + y, 0);
    const lossOf = (results: Results) =>
      sum(
        outputs,
        (i) => feeds[`v${i}`]!,
        (i) => results[`y${i}`]!,
      );
    const projectionOf = (results: Results) =>
      sum(
        n,
        (i) => weights(results[`g${i}`]!.length, i),
        (i) => results[`g${i}`]!,
      );

    const base = await model.run(feeds);
    for (const { name, value } of graph.outputs) {
      const values = Array.from(base[name]!);
      if (values.length !== sizeOf(value.shape))
        return [`${name} has ${values.length} elements, not ${formatType(value)}`];
      if (!values.every(Number.isFinite)) return [`${name} is not finite`];
    }
    const norm = (letter: string, count: number, weight: (i: number) => ArrayLike<number>) =>
      Math.hypot(...Array.from({ length: count }, (_, i) => spread(base[`${letter}${i}`]!, weight(i))));
    const lossSize = norm('y', outputs, (i) => feeds[`v${i}`]!);
    const projectionSize = norm('g', n, (i) => weights(base[`g${i}`]!.length, i));

    const step = steps[kind];
    const problems: string[] = [];
    const compare = (
      what: string,
      slope: number,
      gradient: ArrayLike<number>,
      d: ArrayLike<number>,
      size: number,
    ) => {
      const expected = dot(gradient, d);
      const scale = spread(gradient, d);
      const error = Math.abs(slope - expected);
      if (!(error <= tolerances[kind] * scale + (rounding * size) / step))
        problems.push(`${what}: gradient ${expected}, finite difference ${slope}, scale ${scale}`);
    };
    for (const [i, input] of graph.inputs.entries()) {
      const name = input.name!;
      const d = direction(sizeOf(input.shape), 300 + i);
      const seen: Results[] = [];
      for (const t of stencil(step))
        seen.push(await model.run({ ...feeds, [name]: moved(feeds[name]!, d, t) }));
      if (i < n)
        compare(`order 1 by ${name}`, derivative(seen.map(lossOf), step), base[`g${i}`]!, d, lossSize);
      const slope = derivative(seen.map(projectionOf), step);
      compare(`order 2 by ${name}`, slope, base[`h${i}`]!, d, projectionSize);
    }
    return problems;
  } finally {
    await model.release();
  }
}

/** The graph with every node of one operator computed by another definition. */
export function withOp(graph: Graph, type: string, replace: (op: OpDef) => OpDef): Graph {
  return transform(graph, (node, inputs, { copy }) =>
    node.op.type === type ? emit(replace(node.op), inputs, node.attributes) : copy(),
  );
}
