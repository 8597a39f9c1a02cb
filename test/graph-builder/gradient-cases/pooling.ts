import { emitOne } from '../../../graph-builder/ops/op.ts';
import {
  averagePool,
  globalAveragePool,
  Resize,
  upsampleNearest,
} from '../../../graph-builder/ops/pooling.ts';
import { any, constant, linear } from './case.ts';
import type { Case } from './case.ts';

export const pooling: readonly Case[] = [
  ...[true, false].flatMap((countIncludePad): Case[] => {
    const name = (text: string) => `${text}${countIncludePad ? ', pads count' : ''}`;
    const pool = (text: string, shape: number[], kernel: number | number[], options: object): Case => ({
      op: 'AveragePool',
      name: name(text),
      inputs: [any(...shape)],
      build: (x) => averagePool(x, kernel, { ...options, countIncludePad }),
      ...linear,
    });
    return [
      pool('windows side by side', [2, 2, 4, 6], 2, {}),
      pool('odd size', [1, 2, 5, 7], 2, {}),
      pool('overlapping', [1, 2, 5, 4], 3, { stride: 1 }),
      pool('overlapping with pads', [2, 1, 5, 4], 3, { stride: 2, pad: 1 }),
      pool('asymmetric', [1, 2, 6, 5], [3, 2], { stride: [2, 1], pad: [1, 0, 2, 1] }),
      pool('stride beyond kernel', [1, 1, 7, 8], 2, { stride: 3, pad: [1, 0, 0, 0] }),
      pool('1-D', [2, 2, 7], 3, { stride: 2, pad: 1 }),
      pool('3-D', [1, 2, 4, 3, 5], 2, { stride: [2, 1, 2], pad: [0, 1, 1, 0, 0, 0] }),
    ];
  }),
  ...[
    [2, 3, 4],
    [2, 3, 2, 3],
    [1, 2, 2, 3, 2],
  ].map((shape): Case => ({
    op: 'GlobalAveragePool',
    name: `${shape.length - 2}-D`,
    inputs: [any(...shape)],
    build: globalAveragePool,
    ...linear,
  })),
  ...[1, 2, 3].map((factor): Case => ({
    op: 'Resize',
    name: `factor ${factor}`,
    inputs: [any(2, 2, 3, 2)],
    build: (x) => upsampleNearest(x, factor),
    ...linear,
  })),
  { op: 'Resize', name: '1-D', inputs: [any(2, 2, 3)], build: (x) => upsampleNearest(x, 2), ...linear },
  ...[
    [1, 1, 2, 3],
    [1, 1, 1, 2],
    [2, 1, 3, 1],
  ].map((factors): Case => ({
    op: 'Resize',
    name: `factors ${factors.join()}`,
    inputs: [any(1, 2, 2, 3)],
    build: (x) =>
      emitOne(Resize, [x, undefined, constant(x, 'float32', factors)], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    ...linear,
  })),
];
