import type { Value } from '../graph.ts';
import { tanh } from '../ops/activation.ts';
import { add, cast, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamOptions {
  /** Decay of the first moment, in [0, 1). DCGAN's 0.5. */
  readonly beta1: number;
  /** Decay of the second moment, in [0, 1). */
  readonly beta2: number;
  /** Added to the root of the corrected second moment: the epsilon of the paper's algorithm 1. */
  readonly epsilon: number;
}

/**
 * 1 - beta^t as -2 u / (1 - u) with u = tanh(t ln(beta) / 2). The difference itself loses its digits in float32: of
 * 1 - 0.999 two in seven are wrong, and with them the length of the first steps.
 */
function biasCorrection(beta: number, t: Value): Value {
  const u = tanh(mul(t, Math.log(beta) / 2));
  return div(mul(u, -2), sub(1, u));
}

/** beta mean + (1 - beta) x; one pass less over every parameter where beta is a half, as DCGAN's is. */
function blend(mean: Value, x: Value, beta: number): Value {
  return beta === 0.5 ? mul(add(mean, x), 0.5) : add(mul(mean, beta), mul(x, 1 - beta));
}

/** Adam with bias correction (Kingma & Ba 2014, algorithm 1), as PyTorch computes it. */
export function adam({ beta1, beta2, epsilon }: AdamOptions): Optimizer {
  return {
    counts: true,
    slots: ['first_moment', 'second_moment'],
    rule: (learningRate, updates) => {
      const t = cast(updates!, 'float32');
      const correction1 = biasCorrection(beta1, t);
      const root2 = sqrt(biasCorrection(beta2, t));
      // lr m / c1 / (sqrt(v) / r2 + eps) = (lr r2 / c1) m / (sqrt(v) + eps r2): one pass less over every parameter.
      const rate = div(mul(learningRate, root2), correction1);
      const floor = mul(root2, epsilon);
      return (value, gradient, slots) => {
        const m = blend(slots[0]!, gradient, beta1);
        const v = blend(slots[1]!, mul(gradient, gradient), beta2);
        return { value: sub(value, mul(rate, div(m, add(sqrt(v), floor)))), slots: [m, v] };
      };
    },
  };
}
