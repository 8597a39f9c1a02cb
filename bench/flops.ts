import { Graph } from '../graph-builder/graph.ts';
import type { Node } from '../graph-builder/graph.ts';
import type { ConvAttributes } from '../graph-builder/ops/convolution.ts';
import type { GemmAttributes } from '../graph-builder/ops/matmul.ts';
import { fixed, sizeOf } from '../graph-builder/shape.ts';

/** A matrix product [m, k] x [k, n], or a convolution as the one that it amounts to, done `count` times. */
export interface Product {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly count: number;
}

/** Floating-point operations of a product: a multiplication and an addition for each of its m n k terms. */
export const flopsOfProduct = ({ m, k, n, count }: Product): number => 2 * m * k * n * count;

/**
 * Floating-point operations of one run of a graph's matrix products and convolutions; the body of a Loop counts once.
 * Terms in which a convolution multiplies its padding count too, as is the custom; elementwise operators do not.
 */
export const flopsOf = (graph: Graph): number =>
  productsOf(graph).reduce((sum, product) => sum + flopsOfProduct(product), 0);

/** The product of a graph with the most operations. */
export function heaviestProduct(graph: Graph): Product {
  return productsOf(graph).reduce((most, each) =>
    flopsOfProduct(each) > flopsOfProduct(most) ? each : most,
  );
}

/** All products of a graph and of its subgraphs. */
export function productsOf(graph: Graph): Product[] {
  return graph.nodes.flatMap((node) => [
    ...(products[node.op.type]?.(node) ?? []),
    ...Object.values(node.attributes).flatMap((attribute) =>
      attribute instanceof Graph ? productsOf(attribute) : [],
    ),
  ]);
}

const products: Readonly<Record<string, (node: Node) => readonly Product[]>> = {
  MatMul: ({ inputs: [a], outputs: [y] }) => {
    const [m, n] = y!.shape.slice(-2).map(fixed);
    return [{ m: m!, k: fixed(a!.shape.at(-1)), n: n!, count: sizeOf(y!.shape.slice(0, -2)) }];
  },
  Gemm: ({ inputs: [a], outputs: [y], attributes }) => {
    const [m, n] = y!.shape.map(fixed);
    const k = fixed(a!.shape[(attributes as unknown as GemmAttributes).transA ? 0 : 1]);
    return [{ m: m!, k, n: n!, count: 1 }];
  },
  // The three readings of one form: a small side [N, M, ...] against taps of a large side [N, C, ...].
  Conv: (node) => [convolution(node, node.outputs[0]!.shape, node.inputs[1]!.shape)],
  ConvTranspose: (node) => [convolution(node, node.inputs[0]!.shape, node.inputs[1]!.shape)],
  ConvWeightGradient: (node) => [convolution(node, node.inputs[1]!.shape, node.outputs[0]!.shape)],
};

type Shape = Node['outputs'][number]['shape'];

/** Every pixel of the small side meets the whole kernel: small [N, M, ...], weight [M, C / group, ...kernel]. */
function convolution({ attributes }: Node, small: Shape, weight: Shape): Product {
  const { group } = attributes as unknown as ConvAttributes;
  return {
    m: fixed(small[0]) * sizeOf(small.slice(2)),
    k: sizeOf(weight.slice(1)),
    n: fixed(small[1]) / group,
    count: group,
  };
}
