import type { Value } from '../graph.ts';
import { add, cast, div, mul, sub } from '../ops/elementwise.ts';
import { reduceSumSquare } from '../ops/reduction.ts';
import type { NetworkStates, Technique } from './technique.ts';

const meanName = (name: string) => `historical-mean/${name}`;
const parametersOf = (networks: NetworkStates) =>
  [networks.generator!, networks.discriminator!].flatMap(({ parameters }) => parameters);

/**
 * 8. Historical averaging (Salimans et al. 2016, section 3.3): each network's loss gets weight x |theta - m|^2, with m
 * the mean of its weights over all steps so far, so that the two do not circle each other.
 */
export const historicalAveraging: Technique = {
  number: 8,
  name: 'historical-averaging',
  off: { 'techniques.historicalAveraging': 0 },
  hooks: ({ techniques: { historicalAveraging: weight } }) => {
    if (weight === 0) return undefined;
    return {
      controls: [{ name: 'historicalAveraging/weight', at: () => weight }],
      state: (networks) =>
        parametersOf(networks).map((spec) => ({ ...spec, name: meanName(spec.name), copyOf: spec.name })),
      penalty: (player, parameters, { state, control }) =>
        player === 'encoder'
          ? undefined
          : mul(
              parameters
                .map(({ name, value }) => reduceSumSquare(sub(value, state(meanName(name)))))
                .reduce((sum, term) => add(sum, term)),
              control('historicalAveraging/weight'),
            ),
      after: ({ networks, state, setState, step }) => {
        // The mean of step + 2 states: the first one, and one after each step.
        const share: Value = div(1, add(cast(step, 'float32'), 2));
        for (const { name } of parametersOf(networks)) {
          const mean = state(meanName(name));
          setState(meanName(name), add(mean, mul(sub(state(name), mean), share)));
        }
      },
    };
  },
};
