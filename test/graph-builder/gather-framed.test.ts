import { describe, expect, test } from 'vitest';
import { Graph } from '../../graph-builder/graph.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { Pad, pad, reshape } from '../../graph-builder/ops/movement.ts';
import { Tables } from '../../graph-builder/rewrites/conv-geometry.ts';
import { gatherFramed } from '../../graph-builder/rewrites/gather-framed.ts';
import type { Frame } from '../../graph-builder/rewrites/gather-framed.ts';
import { tensor } from '../../graph-builder/types.ts';
import { direction, evaluate } from './model.ts';

const [n, height, width] = [3, 5, 6];

/** Every row of a framed image, in two lists: as they come, and backwards. */
function rowsOf({ extent, group }: Frame): number[][] {
  const rows = Array.from({ length: (extent[0] * extent[1]) / group }, (_, i) => i);
  return [rows, [...rows].reverse()];
}

/** The same by its definition: a frame of zeros is written, and rows are taken from it. */
function byDefinition(images: ReturnType<Graph['input']>, frame: Frame) {
  const { before, extent, group } = frame;
  const channels = Number(images.shape[3]);
  const after = [extent[0] - height - before[0], extent[1] - width - before[1]] as const;
  const framed = pad(images, [0, ...before, 0, 0, ...after, 0]);
  const stride = (extent[0] * extent[1]) / group;
  const numbers = rowsOf(frame).flatMap((list) =>
    Array.from({ length: n }, (_, image) => list.map((row) => image * stride + row)).flat(),
  );
  const table = images.graph.constant(tensor('int32', numbers, [numbers.length]));
  return gather(reshape(framed, [n * stride, group * channels]), table);
}

describe.each<[string, number, Frame, number[][]]>([
  ['single pixels', 8, { before: [1, 2], extent: [8, 9], group: 1 }, [[0, 0, 1, 0]]],
  ['groups of wide pixels', 32, { before: [1, 1], extent: [7, 8], group: 2 }, [[0, 0, 1, 0]]],
  ['groups of narrow pixels', 31, { before: [1, 1], extent: [7, 8], group: 2 }, [[0, 1, 1, 0, 0, 1, 1, 0]]],
  ['images without a frame', 32, { before: [0, 0], extent: [5, 6], group: 2 }, []],
  ['images that are cut off', 32, { before: [1, 1], extent: [4, 6], group: 2 }, [[0, 0, 1, 0]]],
  [
    'narrow images that are cut off',
    2,
    { before: [2, 1], extent: [6, 4], group: 2 },
    [[0, 2, 1, 0, 0, -1, -3, 0]],
  ],
])('%s', (_, channels, frame, pads) => {
  test('are gathered as from a frame of zeros', async () => {
    const graph = new Graph('framed');
    const images = graph.input('x', 'float32', [n, height, width, channels]);
    graph.output('rows', gatherFramed(images, frame, rowsOf(frame), new Tables(), 'rows'));
    graph.output('expected', byDefinition(images, frame));
    const x = direction(n * height * width * channels, 1);
    const { rows, expected } = await evaluate(graph, { x }, 'portable');
    expect(rows).toEqual(expected);
  });

  test('are padded no more than that takes', () => {
    const graph = new Graph('framed');
    const images = graph.input('x', 'float32', [n, height, width, channels]);
    graph.output('rows', gatherFramed(images, frame, rowsOf(frame), new Tables(), 'rows'));
    const written = graph.nodes.filter(({ op }) => op.type === Pad.type);
    expect(written.map(({ attributes }) => attributes.pads)).toEqual(pads);
  });
});
