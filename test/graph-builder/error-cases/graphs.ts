import { gradients } from '../../../graph-builder/autodiff.ts';
import { Graph } from '../../../graph-builder/graph.ts';
import { encoderGraph, generatorGraph } from '../../../graph-builder/export.ts';
import { Pass } from '../../../graph-builder/layers/pass.ts';
import { softmaxCrossEntropy } from '../../../graph-builder/losses/classification.ts';
import { networksOf } from '../../../graph-builder/networks/networks.ts';
import { add } from '../../../graph-builder/ops/elementwise.ts';
import { concat } from '../../../graph-builder/ops/movement.ts';
import type { Target } from '../../../graph-builder/ops/op.ts';
import { reduceSum } from '../../../graph-builder/ops/reduction.ts';
import { buildProgram } from '../../../graph-builder/program.ts';
import type { Recipe } from '../../../graph-builder/recipe.ts';
import { compile } from '../../../graph-builder/rewrites/index.ts';
import type { DType } from '../../../graph-builder/types.ts';
import { tensor } from '../../../graph-builder/types.ts';
import { dcgan, images, mlp, recipeOf } from '../../parity/recipes.ts';
import { streamsOf } from './sketch.ts';
import type { Build } from './sketch.ts';

/** Refused where there is no place yet, or where a graph as a whole is at fault. */
export const unplaced: readonly (readonly [string, Build])[] = [
  ['operands: at least one must be a graph value', () => add(1, 2)],
  [
    'recipe: lacks network, loss, optimizer, emaDecay, batch, accumulate, precision, techniques; start from a whole one, such as presets.dcgan or what resolveRecipe gives',
    () => buildProgram({} as Recipe, images(1, 16)),
  ],
  [
    'recipe: lacks techniques.augmentation, techniques.dropout; start from a whole one',
    () => {
      const techniques: Partial<Record<string, unknown>> = {
        ...recipeOf(dcgan).techniques,
        dropout: undefined,
      };
      delete techniques.augmentation;
      buildProgram({ ...recipeOf(dcgan), techniques } as unknown as Recipe, images(1, 16));
    },
  ],
  ['input: name "x" must be unique in graph sketch', ({ graph }) => [input(graph), input(graph)]],
  [
    'input: name "" must be unique in graph sketch, and not empty',
    ({ graph }) => graph.input('', 'int32', []),
  ],
  [
    'output: name "" must be unique in graph sketch, and not empty',
    (s) => {
      s.graph.output('', s.x());
    },
  ],
  [
    'input: extents of [-2, 1.5] must be integers >= 0 or symbols',
    ({ graph }) => graph.input('x', 'float32', [-2, 1.5]),
  ],
  ['input: extents of [] must be integers', ({ graph }) => graph.input('x', 'float32', [''])],
  [
    'output: name "y" must be unique in graph sketch',
    (s) => {
      for (const y of [s.x(), s.x()]) s.graph.output('y', y);
    },
  ],
  [
    'constant: 3 elements must fill shape [2]',
    ({ graph }) => graph.constant({ ...tensor('float32', [1, 2, 3]), shape: [2] }),
  ],
  ['tensor: 3 elements must fill shape [2]', () => tensor('float32', [1, 2, 3], [2])],
  [
    'constant: extents of [-1, -2] must be integers >= 0',
    ({ graph }) => graph.constant(tensor('float32', [1, 2], [-1, -2])),
  ],
  ['tensor: element type bf must be one of float32, float16', () => tensor('bf' as DType, [2, 0])],
  ['tensor: number 2147483648 must be one that int32 holds', () => tensor('int32', [2 ** 31 - 1, 2 ** 31])],
  ['tensor: number 2 must be one that bool holds', () => tensor('bool', [2, 0])],
  [
    'compile: target webgpu must be one of portable, cuda, cpu',
    ({ graph }) => compile(graph, 'webgpu' as Target),
  ],
  [
    'graph: values of graphs sketch and other cannot meet in one node',
    (s) => add(s.x(), new Graph('other').scalar(1)),
  ],
  ['graph: a node needs at least one input', () => concat([], 0)],
  ['gradients: loss float32[2] must be a float scalar', (s) => gradients(s.x(2), [])],
  ['gradients: loss int32[] must be a float scalar', (s) => gradients(s.of('int32', []), [])],
  [
    'gradients: float32[3] of graph other must be visible in graph sketch, which the loss is of',
    (s) => gradients(reduceSum(s.x(3)), [new Graph('other').input('z', 'float32', [3])]),
  ],
  [
    'random: stream "z" must be drawn from once',
    (s) => {
      const streams = streamsOf(s);
      streams.bits('z', [2]);
      streams.uniform('z', [2]);
    },
  ],
  ['random: probability 1.5 must be in [0, 1]', (s) => streamsOf(s).mask('z', [2], 1.5)],
  [
    'dcgan: image size 20 x 20 must be one of 16, 32, 64, 128, square',
    () => networksOf(recipeOf(dcgan), { kind: 'images', shape: [1, 20, 20] }, []),
  ],
  [
    'dcgan: channels 2 must be 1 or 3',
    () => networksOf(recipeOf(dcgan), { kind: 'images', shape: [2, 32, 32] }, []),
  ],
  [
    'dcgan: needs images; for points use the recipe mlp',
    () => networksOf(recipeOf(dcgan), { kind: 'points', shape: [2] }, []),
  ],
  [
    'networks: kind imported needs both networks from elsewhere',
    () => networksOf({ ...recipeOf(dcgan), network: { kind: 'imported', zDim: 4 } }, images(1, 16), []),
  ],
  [
    'softmaxCrossEntropy: logits [4, 3] and labels [5] must be [N, classes] and [N]',
    (s) => softmaxCrossEntropy(s.of('float32', [4, 3]), s.of('int32', [5])),
  ],
  [
    'export: recipe parity has no encoder',
    () => encoderGraph(buildProgram(recipeOf(mlp), { kind: 'points', shape: [2] }), new Map()),
  ],
  [
    'pass: a conditional layer needs labels',
    (s) => new Pass({ graph: s.graph, network: 'g', training: true }).labels,
  ],
  [
    'is missing from the state',
    () => generatorGraph(buildProgram(recipeOf(mlp), { kind: 'points', shape: [2] }), new Map()),
  ],
];

const input = (graph: Graph) => graph.input('x', 'float32', []);
