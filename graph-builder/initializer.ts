import { normals } from './hash.ts';
import { sizeOf } from './shape.ts';
import type { DType, Tensor } from './types.ts';
import { allocate } from './types.ts';

/** How a tensor starts. Random ones depend on (seed, name) only, so adding a layer changes no other. */
export type Initializer =
  | { readonly kind: 'normal'; readonly mean: number; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** He et al. 2015: std = sqrt(2 / ((1 + slope^2) fanIn)), which keeps the variance through a LeakyReLU. */
  | { readonly kind: 'he'; readonly fanIn: number; readonly slope: number }
  /** As it was before: the weights of an imported network. */
  | { readonly kind: 'given'; readonly tensor: Tensor };

/** A tensor that a training program keeps between steps. */
export interface StateSpec {
  /** Path in the network, such as `generator/block2/conv/weight`. */
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly init: Initializer;
  /** Starts as a copy of this other tensor. */
  readonly copyOf?: string;
  /** Kept by the host beside the graphs, which do not know it. */
  readonly parked?: boolean;
}

export function initialize({ name, dtype, shape, init, copyOf }: StateSpec, seed: number): Tensor {
  // A copy: engines take the state they are given.
  if (init.kind === 'given') return { dtype, shape, data: init.tensor.data.slice() };
  const size = sizeOf(shape);
  if (init.kind === 'constant') {
    const data = allocate(dtype, size);
    if (data instanceof BigInt64Array) data.fill(BigInt(init.value));
    else data.fill(init.value);
    return { dtype, shape, data };
  }
  const [mean, std] =
    init.kind === 'normal' ? [init.mean, init.std] : [0, Math.sqrt(2 / ((1 + init.slope ** 2) * init.fanIn))];
  // Steps count from 0, so -1 is a key that no training step draws from.
  const data = normals(seed, -1, copyOf ?? name, size);
  for (let i = 0; i < size; i++) data[i] = mean + std * data[i]!;
  return { dtype, shape, data };
}
