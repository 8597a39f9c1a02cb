import type { Value } from '../../../graph-builder/graph.ts';
import {
  gather,
  gatherElements,
  gatherND,
  padWith,
  scatterElements,
  scatterND,
} from '../../../graph-builder/ops/indexing.ts';
import { hash } from '../model.ts';
import { any, constant, linear, sizeOf } from './case.ts';
import type { Case } from './case.ts';

/** A full set of indices into `extent`, laid out in `shape`, with repeats. */
const repeating = (shape: readonly number[], extent: number) =>
  Array.from({ length: sizeOf(shape) }, (_, i) => hash(7, i) % extent);

export const indexing: readonly Case[] = [
  ...[0, 1, 2, -1].flatMap((axis): Case[] => [
    {
      op: 'Gather',
      name: `axis ${axis}, repeats`,
      inputs: [any(3, 3, 3)],
      build: (x) => gather(x, constant(x, 'int32', [2, 0, 2, 2]), axis),
      ...linear,
    },
    {
      op: 'Gather',
      name: `axis ${axis}, matrix of indices from either end`,
      inputs: [any(3, 4, 3)],
      build: (x) => gather(x, constant(x, 'int64', [-1, 0, 1, 1, 1, -2], [3, 2]), axis),
      ...linear,
    },
    {
      op: 'Gather',
      name: `axis ${axis}, scalar index`,
      inputs: [any(3, 2, 3)],
      build: (x) => gather(x, constant(x, 'int64', [1], []), axis),
      ...linear,
    },
  ]),
  ...[0, 1, -1].flatMap((axis): Case[] => [
    {
      op: 'GatherElements',
      name: `axis ${axis}, repeats`,
      inputs: [any(3, 3)],
      build: (x) => gatherElements(x, constant(x, 'int64', repeating([3, 3], 3), [3, 3]), axis),
      ...linear,
    },
    {
      op: 'GatherElements',
      name: `axis ${axis}, fewer and from the end`,
      inputs: [any(3, 3)],
      build: (x) => gatherElements(x, constant(x, 'int32', [-1, 0, 1, -1], [2, 2]), axis),
      ...linear,
    },
    {
      op: 'ScatterElements',
      name: `axis ${axis}, none`,
      inputs: [any(3, 3), any(2, 2)],
      build: (x, updates) =>
        scatterElements(
          x,
          constant(x, 'int64', axis === 0 ? [0, 2, 1, -2] : [0, -1, 2, 0], [2, 2]),
          updates,
          axis,
        ),
      ...linear,
    },
    {
      op: 'ScatterElements',
      name: `axis ${axis}, add with repeats`,
      inputs: [any(3, 3), any(3, 2)],
      build: (x, updates) =>
        scatterElements(x, constant(x, 'int32', repeating([3, 2], 3), [3, 2]), updates, axis, 'add'),
      ...linear,
    },
  ]),
  ...(
    [
      ['rows', [3], [[0], [-1]], [2, 2]],
      [
        'elements',
        [3, 2],
        [
          [0, 1],
          [2, 0],
          [1, 1],
        ],
        [3],
      ],
      [
        'elements of rank 3',
        [3, 2, 2],
        [
          [0, 1],
          [2, 0],
        ],
        [2, 2],
      ],
    ] as const
  ).flatMap(([name, head, tuples, updateShape]): Case[] => {
    const shape = name === 'rows' ? [...head, 2] : [...head];
    const indices = (x: Value, list: readonly (readonly number[])[]) =>
      constant(x, 'int64', list.flat(), [list.length, list[0]!.length]);
    const twice = [...tuples, tuples[0]];
    return [
      {
        op: 'ScatterND',
        name: `${name}, none`,
        inputs: [any(...shape), any(...updateShape)],
        build: (x, updates) => scatterND(x, indices(x, tuples), updates),
        ...linear,
      },
      {
        op: 'ScatterND',
        name: `${name}, add with repeats`,
        inputs: [any(...shape), any(twice.length, ...updateShape.slice(1))],
        build: (x, updates) => scatterND(x, indices(x, twice), updates, 'add'),
        ...linear,
      },
      {
        op: 'GatherND',
        name: `${name}, repeats`,
        inputs: [any(...shape)],
        build: (x) => gatherND(x, indices(x, twice)),
        ...linear,
      },
    ];
  }),
  ...(['edge', 'reflect'] as const).map((mode): Case => ({
    op: 'Gather',
    name: `padWith ${mode}`,
    inputs: [any(1, 2, 3, 4)],
    build: (x) => padWith(x, [0, 0, 2, 1, 0, 0, 1, 3], mode),
    ...linear,
  })),
];
