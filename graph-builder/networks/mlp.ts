import type { Value } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import { dense } from '../layers/dense.ts';
import { batchNorm } from '../layers/normalization.ts';
import type { Network } from '../layers/pass.ts';
import { leakyRelu, relu, tanh } from '../ops/activation.ts';
import { reshape } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import type { MlpRecipe, SampleSpec } from '../recipe.ts';
import type { NetworkHooks } from './dcgan.ts';

const activation = (x: Value, slope: number) => (slope === 0 ? relu(x) : leakyRelu(x, slope));
const he = (x: Value, slope: number): Initializer => ({ kind: 'he', fanIn: fixed(x.shape[1]), slope });
const sizeOfSample = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** z [N, zDim] -> points [N, 2] in the data's units, or images [N, C, H, W] in [-1, 1] by tanh. */
export function mlpGenerator(recipe: MlpRecipe, sample: SampleSpec, hooks: NetworkHooks = {}): Network {
  return (pass, z) => {
    let x = z;
    for (let layer = 0; layer < recipe.layers; layer++)
      x = pass.scope(`layer${layer}`, () => {
        const normalized = recipe.normalization === 'batch';
        const y = dense(pass, 'dense', x, recipe.hidden, { bias: !normalized, init: he(x, recipe.slope) });
        const active = activation(normalized ? batchNorm(pass, 'norm', y) : y, recipe.slope);
        return hooks.afterLayer ? hooks.afterLayer(pass, active) : active;
      });
    return pass.scope('output', () => {
      const y = dense(pass, 'dense', x, sizeOfSample(sample.shape), { init: he(x, 1) });
      return sample.kind === 'points' ? y : tanh(reshape(y, [y.shape[0]!, ...sample.shape]));
    });
  };
}

/** points [N, 2] or images [N, C, H, W] -> logits [N] */
export function mlpDiscriminator(recipe: MlpRecipe, sample: SampleSpec): Network {
  return (pass, input) => {
    let x = reshape(input, [input.shape[0]!, sizeOfSample(sample.shape)]);
    for (let layer = 0; layer < recipe.layers; layer++)
      x = pass.scope(`layer${layer}`, () =>
        activation(dense(pass, 'dense', x, recipe.hidden, { init: he(x, recipe.slope) }), recipe.slope),
      );
    return reshape(dense(pass, 'logit', x, 1, { init: he(x, 1) }), [x.shape[0]!]);
  };
}
