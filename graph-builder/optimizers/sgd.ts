import { add, mul, sub } from '../ops/elementwise.ts';
import type { Value } from '../graph.ts';
import type { Optimizer } from './optimizer.ts';

export interface SgdOptions {
  /** Share of the last update that is kept, in [0, 1); 0 keeps no state. */
  readonly momentum: number;
}

/** Stochastic gradient descent: u = momentum u + g, p = p - lr u, as in PyTorch. */
export function sgd({ momentum }: SgdOptions): Optimizer {
  const nameOf = (prefix: string, name: string) => `${prefix}/momentum/${name}`;
  return {
    state: (parameters, prefix) =>
      momentum === 0
        ? []
        : parameters.map(({ name, shape }) => ({
            name: nameOf(prefix, name),
            dtype: 'float32',
            shape,
            init: { kind: 'constant', value: 0 },
          })),
    update: ({ prefix, learningRate, parameters, state }) => {
      const nextParameters = new Map<string, Value>();
      const nextState = new Map<string, Value>();
      for (const { name, value, gradient } of parameters) {
        value.graph.scope(name, () => {
          let direction = gradient;
          if (momentum !== 0) {
            direction = add(mul(state(nameOf(prefix, name)), momentum), gradient);
            nextState.set(nameOf(prefix, name), direction);
          }
          nextParameters.set(name, sub(value, mul(learningRate, direction)));
        });
      }
      return { parameters: nextParameters, state: nextState };
    },
  };
}
