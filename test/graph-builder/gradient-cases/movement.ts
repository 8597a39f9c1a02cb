import { mul, sin } from '../../../graph-builder/ops/elementwise.ts';
import {
  concat,
  depthToSpace,
  expand,
  pad,
  reshape,
  slice,
  spaceToDepth,
  split,
  transpose,
} from '../../../graph-builder/ops/movement.ts';
import { any, linear } from './case.ts';
import type { Case } from './case.ts';

export const movement: readonly Case[] = [
  { op: 'Reshape', name: '', inputs: [any(2, 3, 2)], build: (x) => reshape(x, [4, 3]), ...linear },
  { op: 'Reshape', name: 'to a scalar', inputs: [any(1, 1)], build: (x) => reshape(x, []), ...linear },
  ...(
    [
      [[], [2, 3]],
      [
        [3, 1],
        [2, 3, 2],
      ],
      [
        [1, 3],
        [2, 3],
      ],
      [
        [2, 1, 1],
        [2, 3, 2],
      ],
    ] as const
  ).map(([from, to]): Case => ({
    op: 'Expand',
    name: `[${from.join()}] to [${to.join()}]`,
    inputs: [any(...from)],
    build: (x) => expand(x, to),
    ...linear,
  })),
  ...[
    [1, 0, 2],
    [2, 0, 1],
    [1, 2, 0],
    [2, 1, 0],
  ].map((perm): Case => ({
    op: 'Transpose',
    name: perm.join(),
    inputs: [any(2, 3, 4)],
    build: (x) => transpose(x, perm),
    ...linear,
  })),
  {
    op: 'Transpose',
    name: '0,3,1,2',
    inputs: [any(2, 2, 3, 4)],
    build: (x) => transpose(x, [0, 3, 1, 2]),
    ...linear,
  },
  ...[0, 1, 2, -1, -2].map((axis): Case => {
    const along = (axis + 3) % 3;
    const shape = (extent: number) => [2, 2, 2].map((dim, i) => (i === along ? extent : dim));
    return {
      op: 'Concat',
      name: `axis ${axis}`,
      inputs: [any(...shape(1)), any(...shape(3)), any(...shape(2))],
      build: (...parts) => concat(parts, axis),
      ...linear,
    };
  }),
  { op: 'Concat', name: 'one value twice', inputs: [any(2, 3)], build: (x) => concat([x, sin(x), x], 1) },
  ...[0, 1, 2, -1].map((axis): Case => {
    const shape = [2, 2, 2].map((dim, i) => (i === (axis + 3) % 3 ? 6 : dim));
    return {
      op: 'Split',
      name: `axis ${axis}`,
      inputs: [any(...shape)],
      build: (x) => split(x, [1, 3, 2], axis),
      ...linear,
    };
  }),
  {
    op: 'Split',
    name: 'outputs used unevenly',
    inputs: [any(2, 6)],
    build: (x) => {
      const [a, , c] = split(x, [2, 2, 2], 1);
      return mul(c!, mul(a!, c!));
    },
  },
  ...(
    [
      ['a range', { 1: [1, 4] }],
      ['bounds from the end', { 1: [-3, -1] }],
      ['bounds beyond the ends', { 0: [-9, 9], 1: [2, 99] }],
      ['two axes', { 0: [1, 3], 1: [0, 5, 2] }],
      ['negative axis', { [-1]: [1, 6, 2] }],
      ['step 2', { 1: [0, 7, 2] }],
      ['step 2 from 1', { 1: [1, 7, 2] }],
      ['step 3', { 1: [0, 7, 3] }],
      ['step 3 from 2, short', { 1: [2, 6, 3] }],
      ['step beyond the extent', { 1: [2, 7, 9] }],
      ['step -1', { 1: [6, -8, -1] }],
      ['step -1 of a part', { 1: [4, 1, -1] }],
      ['step -2', { 1: [-1, -99, -2] }],
      ['step -2 from 5', { 1: [5, 0, -2] }],
      ['step -3', { 1: [6, -8, -3] }],
      ['step -3 and 2', { 0: [2, -9, -2], 1: [0, 7, 3] }],
      ['start before the front, step -1', { 1: [-20, -21, -1] }],
    ] as const
  ).map(([name, where]): Case => ({
    op: 'Slice',
    name,
    inputs: [any(3, 7)],
    build: (x) => slice(x, where),
    ...linear,
  })),
  ...(
    [
      ['front and back', [1, 0, 2, 3], 0],
      ['negative', [-1, 0, 0, -2], 0],
      ['mixed', [2, -1, -1, 3], 0],
      ['with a value', [0, 1, 1, 0], 1.5],
    ] as const
  ).map(([name, pads, value]): Case => ({
    op: 'Pad',
    name,
    inputs: [any(3, 4)],
    build: (x) => pad(x, pads, value),
    ...linear,
  })),
  {
    op: 'Pad',
    name: 'mixed signs with a value',
    inputs: [any(3, 4)],
    build: (x) => pad(x, [2, -1, -1, 3], 0.5),
    ...linear,
  },
  {
    op: 'Pad',
    name: 'image',
    inputs: [any(1, 2, 3, 3)],
    build: (x) => pad(x, [0, 0, 1, 2, 0, 0, 0, 1]),
    ...linear,
  },
  ...(['DCR', 'CRD'] as const).flatMap((mode): Case[] => [
    ...[2, 3].map((r): Case => ({
      op: 'DepthToSpace',
      name: `${mode} ${r}`,
      inputs: [any(2, 2 * r * r, 2, 1)],
      build: (x) => depthToSpace(x, r, mode),
      ...linear,
    })),
    {
      op: 'Transpose',
      name: `spaceToDepth ${mode}`,
      inputs: [any(1, 2, 4, 6)],
      build: (x) => spaceToDepth(x, 2, mode),
      ...linear,
    },
  ]),
];
