import { GraphError } from '../errors.ts';
import type { Graph, Value } from '../graph.ts';
import { and, equal, greaterOrEqual, less, not } from '../ops/comparison.ts';
import { add, cast, mul, sub, where } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { reduceMean } from '../ops/reduction.ts';
import type { RandomStreams } from '../random.ts';
import { fixed } from '../shape.ts';
import { tensor } from '../types.ts';
import type { Technique } from './technique.ts';

export interface AugmentationOptions {
  /**
   * How far brightness, saturation and contrast are changed, in [0, 1]; 0 is off. At 1 they are the paper's: U(-0.5, 0.5)
   * is added, and distances are multiplied from the mean of a pixel's channels by U(0, 2), from that of the image by
   * U(0.5, 1.5).
   */
  readonly color: number;
  /**
   * Longest shift up, down, left and right, as a share of the side, a pixel at least; what comes in is 0, grey. 0 is off,
   * 0.125 the paper's.
   */
  readonly translation: number;
  /**
   * Side of the square that is made 0, as a share of the image's, a pixel at least; it may lie over the edge. 0 is off, 0.5
   * the paper's.
   */
  readonly cutout: number;
  /** Probability that left and right change places; 0 is off. */
  readonly mirror: number;
}

export const augmentationOff: AugmentationOptions = { color: 0, translation: 0, cutout: 0, mirror: 0 };

/** The paper's. */
export const diffAugment: AugmentationOptions = { color: 1, translation: 0.125, cutout: 0.5, mirror: 0 };

export const isAugmenting = (options: AugmentationOptions): boolean =>
  Object.values(options).some((amount) => amount !== 0);

/**
 * 13. Differentiable augmentation (DiffAugment, Zhao et al. 2020): every image that D sees, real and fake, in both steps,
 * is changed at random, and G learns through the change. From few images D would otherwise learn to know each one, and
 * say nothing more of use to G. Changed alike, the two distributions still agree only where G has the data's; mirrored
 * ones G may draw, too, as D cannot tell them.
 *
 * Off: all 0.
 */
export const augmentation: Technique = {
  number: 13,
  name: 'augmentation',
  samples: 'images',
  off: {
    'techniques.augmentation.color': 0,
    'techniques.augmentation.translation': 0,
    'techniques.augmentation.cutout': 0,
    'techniques.augmentation.mirror': 0,
  },
  hooks: ({ techniques: { augmentation: options, vae } }) => {
    if (!isAugmenting(options)) return undefined;
    // D's layers compare an image with its reconstruction, which would lie elsewhere.
    if (vae.reconstruction > 0)
      throw new GraphError(
        'augmentation',
        'cannot be combined with vae; set all of techniques.augmentation or techniques.vae.reconstruction to 0',
      );
    return {
      discriminatorInput: (x, side, phase, { graph, random }) =>
        graph.scope('augmentation', () => {
          const draws = random.within(`augmentation/${phase}/${side}`);
          return cut(moved(recolored(x, options, draws), options, draws), options, draws);
        }),
    };
  },
};

/** Brightness, saturation, contrast, in this order. */
function recolored(x: Value, { color }: AugmentationOptions, random: RandomStreams): Value {
  if (color === 0) return x;
  /** U(-width, width) for each image. */
  const draw = (stream: string, width: number) =>
    mul(sub(random.uniform(stream, perImage(x)), 0.5), 2 * width);
  const spread = (of: Value, mean: Value, width: number, stream: string) =>
    add(mul(sub(of, mean), add(draw(stream, width), 1)), mean);
  const bright = add(x, draw('brightness', 0.5 * color));
  const isGrey = x.shape[1] === 1;
  const saturated = isGrey ? bright : spread(bright, reduceMean(bright, [1], true), color, 'saturation');
  return spread(saturated, reduceMean(saturated, [1, 2, 3], true), 0.5 * color, 'contrast');
}

/**
 * Shifted and mirrored: rows and columns are picked by products with matrices of zeros and ones, so that the gradient is
 * a product with the transposed one.
 */
function moved(x: Value, { translation, mirror }: AugmentationOptions, random: RandomStreams): Value {
  const { graph } = x;
  const [height, width] = [fixed(x.shape[2]), fixed(x.shape[3])];
  const shifted = (index: Value, stream: string, side: number) => {
    if (translation === 0) return index;
    const most = pixels(translation, side);
    return add(index, sub(random.index(stream, perImage(x), 2 * most + 1), most));
  };
  const [rows, columns] = [down(graph, height), right(graph, width)];
  const row = shifted(rows, 'down', height);
  let column = shifted(columns, 'right', width);
  if (mirror > 0) {
    const isMirrored = cast(random.mask('mirror', perImage(x), mirror), 'bool');
    column = where(isMirrored, sub(width - 1, column), column);
  }
  // [N, 1, height, height] and [N, 1, width, width]: a one where a pixel comes from.
  const inRows = row === rows ? x : matmul(cast(equal(row, right(graph, height)), 'float32'), x);
  return column === columns ? inRows : matmul(inRows, cast(equal(down(graph, width), column), 'float32'));
}

/** With a square of zeros about a random pixel. */
function cut(x: Value, { cutout }: AugmentationOptions, random: RandomStreams): Value {
  if (cutout === 0) return x;
  const { graph } = x;
  const within = (index: Value, stream: string, side: number) => {
    const length = pixels(cutout, side);
    // A square of even length may begin half of it before the image and end half of it behind.
    const centre = random.index(stream, perImage(x), side + 1 - (length % 2));
    const first = sub(centre, Math.floor(length / 2));
    return and(greaterOrEqual(index, first), less(index, add(first, length)));
  };
  const [height, width] = [fixed(x.shape[2]), fixed(x.shape[3])];
  const isCut = and(
    within(down(graph, height), 'cut-down', height),
    within(right(graph, width), 'cut-right', width),
  );
  return mul(x, cast(not(isCut), 'float32'));
}

/** A share of a side, in whole pixels: what is on is never nothing. */
const pixels = (share: number, side: number) => Math.max(1, Math.round(share * side));

const perImage = (x: Value) => [x.shape[0]!, 1, 1, 1];

/** 0, 1, ... along the rows of an image, and along its columns; int32. */
const down = (graph: Graph, side: number) => graph.constant(ramp([1, 1, side, 1]));
const right = (graph: Graph, side: number) => graph.constant(ramp([1, 1, 1, side]));
const ramp = (shape: readonly number[]) =>
  tensor(
    'int32',
    Array.from({ length: Math.max(...shape) }, (_, i) => i),
    shape,
  );
