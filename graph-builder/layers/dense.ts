import type { Value } from '../graph.ts';
import type { Initializer } from '../initializer.ts';
import { gather } from '../ops/indexing.ts';
import { gemm } from '../ops/matmul.ts';
import { fixed } from '../shape.ts';
import type { Pass } from './pass.ts';

/** Weights of DCGAN: N(0, 0.02) (Radford et al. 2015). */
export const dcganWeights: Initializer = { kind: 'normal', mean: 0, std: 0.02 };
export const zeros: Initializer = { kind: 'constant', value: 0 };

export interface WeightOptions {
  readonly bias?: boolean;
  readonly init?: Initializer;
}

/** [N, features] -> [N, units]. The weight is [units, features], as in PyTorch. */
export function dense(pass: Pass, name: string, x: Value, units: number, options: WeightOptions = {}): Value {
  const { bias = true, init = dcganWeights } = options;
  return pass.scope(name, () => {
    const weight = pass.parameter('weight', [units, fixed(x.shape[1])], init);
    return gemm(x, weight, { transB: true, ...(bias ? { c: pass.parameter('bias', [units], zeros) } : {}) });
  });
}

/** int32 [N] -> [N, width], a trained row for each of `count` classes. */
export function embedding(pass: Pass, name: string, labels: Value, count: number, width: number): Value {
  return pass.scope(name, () =>
    gather(pass.parameter('weight', [count, width], { kind: 'normal', mean: 0, std: 1 }), labels),
  );
}
