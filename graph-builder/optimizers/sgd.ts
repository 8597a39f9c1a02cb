import { add, mul, sub } from '../ops/elementwise.ts';
import type { Optimizer } from './optimizer.ts';

export interface SgdOptions {
  /** Share of the last update that is kept, in [0, 1); 0 keeps no state. */
  readonly momentum: number;
}

/** Stochastic gradient descent: u = momentum u + g, p = p - lr u, as in PyTorch. */
export function sgd({ momentum }: SgdOptions): Optimizer {
  return {
    counts: false,
    slots: momentum === 0 ? [] : ['momentum'],
    rule: (learningRate) => (value, gradient, slots) => {
      const directions = slots.map((last) => add(mul(last, momentum), gradient));
      const [direction = gradient] = directions;
      return { value: sub(value, mul(learningRate, direction)), slots: directions };
    },
  };
}
