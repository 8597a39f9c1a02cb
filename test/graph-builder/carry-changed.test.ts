import { describe, expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { add, exp, mul } from '../../graph-builder/ops/elementwise.ts';
import { print } from '../../graph-builder/print.ts';
import { carryChanged } from '../../graph-builder/rewrites/carry-changed.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { everyTechnique, smallProgram } from '../training/every-technique.ts';
import { bodyIn, bodyOf } from './loop-bodies.ts';
import { evaluate, feedsOf } from './model.ts';

describe('carryChanged', () => {
  test('carries what the body changes, and computes the same', async () => {
    const graph = new Graph('loops');
    const body = new Graph('body', graph);
    body.input('iteration', 'int64', []);
    body.input('condition', 'bool', []);
    const names = ['changed', 'read', 'unread', 'left', 'right'];
    const initial = names.map((name) => graph.input(name, 'float32', [2]));
    const [changed, read, unread, left, right] = names.map((name) =>
      body.input(`carried/${name}`, 'float32', [2]),
    );
    body.output('continue', body.constant(tensor('bool', [1], [])));
    // Two that change places are given back, but not as they were got.
    [add(changed!, read!), read!, unread!, right!, left!].forEach((value, i) => {
      body.output(`next/${names[i]}`, value);
    });
    body.output('seen', mul(changed!, 2));
    const results = loop(graph.scalar(3, 'int64'), body, initial);
    [...names, 'seen'].forEach((name, i) => {
      graph.output(`last/${name}`, results[i]!);
    });
    const result = carryChanged(graph);
    verify(result);
    const { inputs, outputs } = bodyOf(result);
    expect(inputs.slice(2).map(({ name }) => name)).toEqual([
      'carried/changed',
      'carried/left',
      'carried/right',
    ]);
    expect(outputs.map(({ name }) => name)).toEqual([
      'continue',
      'next/changed',
      'next/left',
      'next/right',
      'seen',
    ]);
    const feeds = feedsOf(graph);
    expect(await evaluate(result, feeds)).toEqual(await evaluate(graph, feeds));
  });

  test.each(['portable', 'cuda', 'cpu'] as const)(
    'leaves no state of a training to be carried unread, for %s',
    (target) => {
      const program = smallProgram(
        everyTechnique['snapshots, target networks, minibatch discrimination']!,
      ).loopGraph();
      const compiled = compile(program, target);
      verify(compiled);
      const carried = (graph: Graph) => bodyOf(graph).inputs.slice(2);
      expect(carried(program).some(({ name }) => name!.includes('stand-in'))).toBe(true);
      expect(carried(compiled).filter(({ name }) => name!.includes('stand-in'))).toEqual([]);
      const read = new Set(bodyOf(compiled).nodes.flatMap(({ inputs }) => inputs));
      expect(carried(compiled).filter((input) => !read.has(input))).toEqual([]);
    },
  );

  test('leaves a loop alone that changes all it carries', () => {
    const graph = new Graph('loops');
    const x = graph.input('x', 'float32', [2]);
    graph.output(
      'y',
      loop(
        graph.scalar(2, 'int64'),
        bodyIn(graph, [2], (_, carried) => exp(carried)),
        [x],
      )[0]!,
    );
    expect(print(carryChanged(graph))).toBe(print(graph));
  });
});
