import type { Value } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import { dense } from '../layers/dense.ts';
import { tanh } from '../ops/activation.ts';
import { reshape } from '../ops/movement.ts';
import type { MlpRecipe, SampleSpec } from '../recipe.ts';
import { fixed } from '../shape.ts';
import { normalization } from '../techniques/04-normalization.ts';
import { activation } from '../techniques/05-no-sparse-gradients.ts';
import type { DiscriminatorNetwork, GeneratorNetwork, NetworkHooks } from './network.ts';
import { judge } from './network.ts';

const he = (x: Value, slope: number): Initializer => ({ kind: 'he', fanIn: fixed(x.shape[1]), slope });
const sizeOfSample = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** z [N, zDim] -> points [N, 2] in the data's units, or images [N, C, H, W] in [-1, 1] by tanh. */
export function mlpGenerator(recipe: MlpRecipe, sample: SampleSpec, hooks: NetworkHooks): GeneratorNetwork {
  return (pass, z) => {
    let x = hooks.generatorInput(pass, z);
    for (let layer = 0; layer < recipe.layers; layer++)
      x = pass.scope(`layer${layer}`, () => {
        const bias = recipe.normalization === 'none';
        const y = dense(pass, 'dense', x, recipe.hidden, { bias, init: he(x, recipe.slope) });
        const active = activation(normalization(recipe.normalization, pass, y), recipe.slope);
        return hooks.generatorLayer(pass, active, layer, recipe.layers);
      });
    return pass.scope('output', () => {
      const y = dense(pass, 'dense', x, sizeOfSample(sample.shape), { init: he(x, 1) });
      return sample.kind === 'points' ? y : tanh(reshape(y, [y.shape[0]!, ...sample.shape]));
    });
  };
}

/** points [N, 2] or images [N, C, H, W] -> logits [N] */
export function mlpDiscriminator(
  recipe: MlpRecipe,
  sample: SampleSpec,
  hooks: NetworkHooks,
): DiscriminatorNetwork {
  return (pass, input) => {
    const layers: Value[] = [];
    const flat = reshape(input, [input.shape[0]!, sizeOfSample(sample.shape)]);
    for (let layer = 0; layer < recipe.layers; layer++)
      layers.push(
        pass.scope(`layer${layer}`, () => {
          const x = layers.at(-1) ?? flat;
          const y = dense(pass, 'dense', x, recipe.hidden, { init: he(x, recipe.slope) });
          return activation(y, recipe.slope);
        }),
      );
    return judge(pass, layers, layers.at(-1)!, hooks, he);
  };
}
