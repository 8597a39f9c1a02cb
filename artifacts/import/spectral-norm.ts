import type { Value } from '../../graph-builder/graph.ts';
import * as ops from '../../graph-builder/ops/index.ts';
import { fixed } from '../../graph-builder/shape.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import type { ForeignNode } from './foreign-model.ts';

const { div, matmul, max, reduceL2, reshape } = ops;

/**
 * Spectral norm (Miyato et al. 2018) as PyTorch's exporters write it: a weight W, seen as a matrix, is divided by
 * u^T W v, which is its largest singular value where u and v are the vectors to it.
 */
export interface SpectralNorm {
  /** W v */
  readonly product: ForeignNode;
  /** u^T (W v) */
  readonly norm: ForeignNode;
  /** Names of the vectors. */
  readonly u: string;
  readonly v: string;
}

/** All that a model has. A bilinear form of two stored vectors that is divided by is nothing else. */
export function spectralNorms(
  nodes: readonly ForeignNode[],
  tensors: ReadonlyMap<string, Tensor>,
): readonly SpectralNorm[] {
  const maker = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const divisors = new Set(nodes.flatMap(({ op, inputs }) => (op === 'Div' ? inputs.slice(1) : [])));
  /** The stored vector that an operand is, as it is or cloned. */
  const vectorOf = (name: string | undefined): string | undefined => {
    const tensor = tensors.get(name ?? '');
    if (tensor) return tensor.shape.length === 1 && tensor.dtype === 'float32' ? name : undefined;
    const node = maker.get(name ?? '');
    return node?.op === 'Identity' ? vectorOf(node.inputs[0]) : undefined;
  };
  return nodes.flatMap((norm) => {
    const product = maker.get(norm.inputs[1] ?? '');
    if (norm.op !== 'MatMul' || product?.op !== 'MatMul' || !divisors.has(norm.outputs[0]!)) return [];
    const [u, v] = [vectorOf(norm.inputs[0]), vectorOf(product.inputs[1])];
    return u && v ? [{ product, norm, u, v }] : [];
  });
}

/** Names that PyTorch gives to the vectors of a spectral norm, beside the weight's own. */
export function isSpectralVector(name: string, tensors: ReadonlyMap<string, Tensor>): boolean {
  const weights = [
    name.replace(/_[uv]$/, '_orig'),
    name.replace(/(\.parametrizations\.\w+|^parametrizations\.\w+)\.\d+\._[uv]$/, '$1.original'),
  ];
  return tensors.get(name)?.shape.length === 1 && weights.some((w) => w !== name && tensors.has(w));
}

/**
 * One power iteration, as each pass of training makes it: PyTorch's older spectral norm computes v of u first, that
 * among its parametrizations u of v. No gradient flows through it.
 *
 * @param w the weight as a matrix [m, n]
 * @param u [m]
 * @param v [n]
 */
export function powerIteration(
  w: Value,
  { u: name }: SpectralNorm,
  u: Value,
  v: Value,
): Readonly<Record<'u' | 'v', Value>> {
  const matrix = ops.detach(w);
  const [m, n] = matrix.shape.map(fixed) as [number, number];
  const vOf = (left: Value) => normalized(reshape(matmul(reshape(left, [1, m]), matrix), [n]));
  const uOf = (right: Value) => normalized(reshape(matmul(matrix, reshape(right, [n, 1])), [m]));
  if (/(^|\.)parametrizations\./.test(name)) {
    const nextU = uOf(v);
    return { u: nextU, v: vOf(nextU) };
  }
  const nextV = vOf(u);
  return { u: uOf(nextV), v: nextV };
}

/** As PyTorch's `normalize`. */
const normalized = (x: Value): Value => div(x, max(reduceL2(x, [0], true), 1e-12));
