import { describe, expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { mul } from '../../graph-builder/ops/elementwise.ts';
import { concat, split } from '../../graph-builder/ops/movement.ts';
import { buildProgram } from '../../graph-builder/program.ts';
import { carryJoined } from '../../graph-builder/rewrites/carry-joined.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { tensor } from '../../graph-builder/types.ts';
import { verify } from '../../graph-builder/verify.ts';
import { dcgan, images, recipeOf } from '../parity/recipes.ts';
import { bodyOf } from './loop-bodies.ts';
import { count, types } from './model.ts';

const program = buildProgram(recipeOf({ ...dcgan, filters: 4 }), images(3, 32));

describe('carryJoined', () => {
  const before = compile(program.loopGraph(), 'portable');
  const after = carryJoined(before);

  test('joins the moments of the vectors once, before the loop, and parts them after it', () => {
    verify(after);
    const moments = 4;
    const [inside, was] = [bodyOf(after), bodyOf(before)];
    expect(count(was, 'Concat') - count(inside, 'Concat')).toBe(moments);
    expect([count(after, 'Concat'), count(after, 'Split')]).toEqual([moments, moments]);
    expect(inside.inputs.length).toBeLessThan(was.inputs.length);
    expect(inside.outputs.length - inside.inputs.length).toBe(was.outputs.length - was.inputs.length);
  });

  test('leaves alone what is joined in another order, or parted into more', () => {
    for (const [order, parts] of [
      [
        [1, 0],
        [2, 2],
      ],
      [
        [0, 1],
        [2, 2, 2],
      ],
    ] as const) {
      const graph = new Graph('other');
      const initial = [graph.input('p', 'float32', [2]), graph.input('q', 'float32', [2])];
      const body = new Graph('body', graph);
      body.input('iteration', 'int64', []);
      body.input('condition', 'bool', []);
      const carried = initial.map(({ name }) => body.input(`c/${name}`, 'float32', [2]));
      const joined = concat(
        order.map((place) => carried[place]!),
        0,
      );
      const whole = parts.length === 2 ? joined : concat([mul(joined, 2), carried[0]!], 0);
      const pieces = split(whole, parts, 0);
      body.output('continue', body.constant(tensor('bool', [1], [])));
      order.forEach((_, place) => {
        body.output(`next${place}`, pieces[order.indexOf(place as never)]!);
      });
      loop(graph.scalar(2, 'int64'), body, initial).forEach((value, i) => {
        graph.output(`final${i}`, value);
      });
      const result = carryJoined(graph);
      verify(result);
      expect(types(result)).toEqual(['Loop']);
    }
  });

  test('keeps the signature, and leaves a graph without a loop alone', () => {
    const names = ({ inputs, outputs }: Graph) => [...inputs, ...outputs].map(({ name }) => name);
    expect(names(after)).toEqual(names(before));
    const step = compile(program.stepGraph(), 'portable');
    expect(types(carryJoined(step))).toEqual(types(step));
  });
});
