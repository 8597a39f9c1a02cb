import type { Value } from '../../../graph-builder/graph.ts';
import {
  batchNormalization,
  batchNormTraining,
  logSoftmax,
  normalize,
  softmax,
} from '../../../graph-builder/ops/normalization.ts';
import { any, distinct, positive } from './case.ts';
import type { Case } from './case.ts';

export const normalization: readonly Case[] = [
  ...(
    [
      [0, [3, 2]],
      [1, [2, 3]],
      [-1, [2, 2, 3]],
      [1, [2, 3, 2]],
      [-3, [2, 3, 2, 2]],
    ] as const
  ).flatMap(([axis, shape]): Case[] => [
    {
      op: 'Softmax',
      name: `axis ${axis} of ${shape.length}`,
      inputs: [any(...shape)],
      build: (x) => softmax(x, axis),
    },
    {
      op: 'ReduceLogSumExp',
      name: `logSoftmax axis ${axis} of ${shape.length}`,
      inputs: [any(...shape)],
      build: (x) => logSoftmax(x, axis),
    },
  ]),
  ...[
    [4, 2],
    [3, 2, 3],
    [2, 3, 2, 2],
    [2, 2, 2, 2, 2],
  ].flatMap((shape): Case[] => {
    const rank = `rank ${shape.length}`;
    const c = shape[1]!;
    const wide = () => distinct(shape);
    const train = (x: Value, scale: Value, bias: Value) => batchNormTraining(x, scale, bias, 0.125);
    return [
      {
        op: 'BatchNormalization',
        name: rank,
        inputs: [any(...shape), any(c), any(c), any(c), positive(c)],
        build: (x, scale, bias, mean, variance) => batchNormalization(x, scale, bias, mean, variance, 0.125),
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, y`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).y,
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, all outputs`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => Object.values(train(x, scale, bias)),
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, mean`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).mean,
      },
      {
        op: 'BatchNormTraining',
        name: `${rank}, variance`,
        inputs: [wide(), positive(c), any(c)],
        build: (x, scale, bias) => train(x, scale, bias).variance,
      },
    ];
  }),
  ...[[1], [2, 3], [-1], [1, 2, 3]].map((axes): Case => ({
    op: 'ReduceMean',
    name: `normalize over ${axes.join()}`,
    inputs: [distinct([2, 3, 2, 2])],
    build: (x) => normalize(x, axes, 0.125),
  })),
];
