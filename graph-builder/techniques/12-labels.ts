import { GraphError } from '../errors.ts';
import { dense, embedding } from '../layers/dense.ts';
import { softmaxCrossEntropy } from '../losses/classification.ts';
import { mul } from '../ops/elementwise.ts';
import { concat, expand, reshape } from '../ops/movement.ts';
import type { Technique } from './technique.ts';

export interface LabelOptions {
  /** Weight of the class losses beside the adversarial ones; 0 is off, labels are not used. */
  readonly weight: number;
  /** How G is told the class: appended to the latent, or as maps beside its first one (dcgan only). */
  readonly embedding: 'latent' | 'channels';
  /** Extent of the trained vector of a class, or number of its maps. */
  readonly width: number;
}

export const labelsOff: LabelOptions = { weight: 0, embedding: 'latent', width: 16 };

/**
 * 12. Use labels where there are some: AC-GAN (Odena, Olah & Shlens 2017). G is told a class; D also says of which class
 * a sample is. Both minimise the cross-entropy of the class, D on real samples, G on its fakes. In the paper D also
 * learns the classes of fakes; but a fake shows what G made of the class, not what the class is, so that the two can
 * agree on a wrong digit and stay there.
 *
 * Rule 16 of the original list: a class as further channels, embedded to few of them.
 */
export const labels: Technique = {
  number: 12,
  name: 'labels',
  off: { 'techniques.labels.weight': 0 },
  hooks: ({ techniques: { labels: options }, network }, { classes = 0 }) => {
    if (options.weight === 0) return undefined;
    if (classes < 2)
      throw new GraphError(
        'labels',
        `the data has ${classes} classes, must have at least 2: put the images of each into a sub-folder of its own, or choose a recipe without labels`,
      );
    if (options.embedding === 'channels' && network.kind !== 'dcgan')
      throw new GraphError('labels', `embedding channels needs a dcgan network, not ${network.kind}`);
    const { width } = options;
    return {
      labelled: true,
      ...(options.embedding === 'latent'
        ? {
            generatorInput: (pass, z) =>
              concat([z, embedding(pass, 'class', pass.labels, classes, width)], 1),
          }
        : {
            generatorMap: (pass, map) => {
              const [n, , height, ...rest] = map.shape;
              const vector = embedding(pass, 'class', pass.labels, classes, width);
              const maps = expand(reshape(vector, [n!, width, 1, 1]), [n!, width, height!, ...rest]);
              return concat([map, maps], 1);
            },
          }),
      heads: (pass, features) => ({ class: dense(pass, 'class', features, classes) }),
      judged: ({ heads }, given, side, phase) =>
        side === 'fake' && phase === 'discriminator'
          ? undefined
          : mul(softmaxCrossEntropy(heads.get('class')!, given), options.weight),
    };
  },
};
