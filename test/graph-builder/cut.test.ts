import { expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import { conv } from '../../graph-builder/ops/convolution.ts';
import { Pad } from '../../graph-builder/ops/movement.ts';
import { cut } from '../../graph-builder/rewrites/cut.ts';
import { compile } from '../../graph-builder/rewrites/index.ts';
import { direction, evaluate, types } from './model.ts';

test.each([
  ['wide rows by number', 256, 'Gather'],
  ['narrow rows as a slice', 255, 'Slice'],
])('cuts %s', async (_, width, operator) => {
  const graph = new Graph('cut');
  const x = graph.input('x', 'float32', [7, width]);
  graph.output('y', cut(x, 2, 3));
  expect(types(graph)).toEqual([operator]);
  const data = direction(7 * width, 1);
  const { y } = await evaluate(graph, { x: data }, 'portable');
  expect(y).toEqual(Float64Array.from(Float32Array.from(data).subarray(2 * width, 5 * width)));
  expect(cut(x, 0, 7)).toBe(x);
});

test.each([
  ['by tiles', 16],
  ['as one product', 3],
])('a convolution %s cuts its parts before it pads them, for Pad cuts slowly', (_, channels) => {
  const graph = new Graph('parts');
  const x = graph.input('x', 'float32', [256, channels, 32, 32]);
  const w = graph.input('w', 'float32', [32, channels, 4, 4]);
  graph.output('y', conv(x, w, { stride: [2, 2], pad: [1, 1, 1, 1] }));
  const pads = compile(graph, 'cpu').nodes.filter(({ op }) => op.type === Pad.type);
  expect(pads.length).toBeGreaterThan(1);
  for (const { attributes } of pads) expect(attributes.pads).not.toContainEqual(expect.toSatisfy(isNegative));
});

const isNegative = (n: number) => n < 0;
