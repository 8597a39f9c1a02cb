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

/** Adam with bias correction (Kingma & Ba 2014, algorithm 1), as PyTorch computes it. */
export function adam({ beta1, beta2, epsilon }: AdamOptions): Optimizer {
  const zero = { kind: 'constant', value: 0 } as const;
  return {
    state: (parameters, prefix) => [
      { name: `${prefix}/updates`, dtype: 'int32', shape: [], init: zero },
      ...parameters.flatMap(({ name, shape }) =>
        ['first_moment', 'second_moment'].map((moment) => ({
          name: `${prefix}/${moment}/${name}`,
          dtype: 'float32' as const,
          shape,
          init: zero,
        })),
      ),
    ],
    update: ({ prefix, learningRate, parameters, state }) => {
      const nextParameters = new Map<string, ReturnType<typeof add>>();
      const nextState = new Map<string, ReturnType<typeof add>>();
      const { graph } = learningRate;
      const updates = add(state(`${prefix}/updates`), 1);
      nextState.set(`${prefix}/updates`, updates);
      const t = cast(updates, 'float32');
      const correction1 = biasCorrection(beta1, t);
      const root2 = sqrt(biasCorrection(beta2, t));
      // lr m / c1 / (sqrt(v) / r2 + eps) = (lr r2 / c1) m / (sqrt(v) + eps r2): one pass less over every parameter.
      const rate = div(mul(learningRate, root2), correction1);
      const floor = mul(root2, epsilon);
      for (const { name, value, gradient } of parameters) {
        graph.scope(name, () => {
          const [mName, vName] = [`${prefix}/first_moment/${name}`, `${prefix}/second_moment/${name}`];
          const m = add(mul(state(mName), beta1), mul(gradient, 1 - beta1));
          const v = add(mul(state(vName), beta2), mul(mul(gradient, gradient), 1 - beta2));
          nextParameters.set(name, sub(value, mul(rate, div(m, add(sqrt(v), floor)))));
          nextState.set(mName, m);
          nextState.set(vName, v);
        });
      }
      return { parameters: nextParameters, state: nextState };
    },
  };
}
