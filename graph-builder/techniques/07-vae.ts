import { GraphError } from '../errors.ts';
import type { Value } from '../graph.ts';
import { discriminatorLayers } from '../networks/dcgan.ts';
import { dense } from '../layers/dense.ts';
import { add, exp, mul, sub } from '../ops/elementwise.ts';
import { slice } from '../ops/movement.ts';
import { reduceMean, reduceSum } from '../ops/reduction.ts';
import { sizeOf } from '../shape.ts';
import type { Technique } from './technique.ts';

export interface HybridOptions {
  /** Weight of the reconstruction in G's loss, beside the adversarial one (gamma of the paper); 0 is off. */
  readonly reconstruction: number;
  /** Weight of the prior, KL(q(z|x) || N(0, 1)), in the encoder's loss beside its reconstruction. */
  readonly prior: number;
  /** Hidden layer of D whose outputs are compared, counted from 0. */
  readonly layer: number;
}

export const vaeOff: HybridOptions = { reconstruction: 0, prior: 1, layer: 1 };

/** Mean and log-variance of q(z|x), [N, zDim] each, from the encoder's output [N, 2 zDim]. */
export function posterior(encoded: Value, zDim: number): { mean: Value; logVariance: Value } {
  return { mean: slice(encoded, { 1: [0, zDim] }), logVariance: slice(encoded, { 1: [zDim, 2 * zDim] }) };
}

/**
 * 7. VAE/GAN (Larsen et al. 2016): an encoder says which latent an image comes from, G decodes it, and the two images
 * are compared by what a hidden layer of D sees in them. Each network minimises its own part:
 * the encoder prior + reconstruction, G gamma x reconstruction + its adversarial loss, D its adversarial loss, in which
 * reconstructions count as fakes. Nothing of D's opinion reaches the encoder, nothing of the reconstruction D.
 *
 * The paper's sums over the elements of a layer are means here, and its sum over the latent is divided by as many, so
 * that the weights do not depend on the size of the layer.
 */
export const vae: Technique = {
  number: 7,
  name: 'vae',
  off: { 'techniques.vae.reconstruction': 0 },
  hooks: ({ techniques: { vae: options, labels }, network }, sample) => {
    if (options.reconstruction === 0) return undefined;
    // What is decoded from an encoded image would need its label.
    if (labels.weight > 0)
      throw new GraphError(
        'vae',
        'cannot be combined with labels; set techniques.labels.weight or techniques.vae.reconstruction to 0',
      );
    if (network.kind !== 'dcgan')
      throw new GraphError('vae', `needs a dcgan network with images, not ${network.kind}`);
    const { zDim } = network;
    return {
      encoder: (pass, x) => {
        const { features } = discriminatorLayers(network, sample.shape, pass, x);
        return dense(pass, 'posterior', features, 2 * zDim);
      },
      hybrid: ({ graph, real, random, encode, generate }) => {
        const encoded = encode(real, 'posterior');
        const { mean, logVariance, z } = graph.scope('posterior', () => {
          const q = posterior(encoded, zDim);
          const noise = random.normal('posterior', q.mean.shape);
          return { ...q, z: add(q.mean, mul(exp(mul(q.logVariance, 0.5)), noise)) };
        });
        const image = generate(z, 'reconstruction');
        return {
          fakes: image,
          losses: ({ judge, adversarial }) => {
            const seen = judge(image, 'fake', 'reconstruction-judge');
            const [ours, theirs] = [seen, judge(real, 'real', 'original-judge')].map(({ layers }) =>
              layerOf(layers, options.layer),
            ) as [Value, Value];
            return graph.scope('loss-hybrid', () => {
              const apart = sub(ours, theirs);
              const reconstruction = mul(reduceMean(mul(apart, apart)), 0.5);
              // -1/2 sum (1 + log s^2 - m^2 - s^2), over as many elements as the reconstruction is a mean of.
              const terms = sub(sub(add(logVariance, 1), mul(mean, mean)), exp(logVariance));
              const elements = sizeOf(ours.shape.slice(1));
              const prior = mul(reduceMean(reduceSum(terms, [1])), -0.5 / elements);
              return {
                encoder: add(mul(prior, options.prior), reconstruction),
                generator: add(mul(reconstruction, options.reconstruction), adversarial(seen)),
                telemetry: { prior, reconstruction },
              };
            });
          },
        };
      },
      telemetry: ['prior', 'reconstruction'],
    };
  },
};

function layerOf(layers: readonly Value[], index: number): Value {
  const layer = layers[index];
  if (!layer)
    throw new GraphError('vae', `layer ${index} must be one of D's ${layers.length}, counted from 0`);
  return layer;
}
