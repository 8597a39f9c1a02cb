import type { Graph, Value } from '../../graph-builder/graph.ts';
import type { ConvAttributes, ConvTransposeAttributes } from '../../graph-builder/ops/convolution.ts';
import { Conv, ConvTranspose } from '../../graph-builder/ops/convolution.ts';
import {
  BatchNormalizationChannelsLast,
  ConvChannelsLast,
  ConvTransposeChannelsLast,
  GatherOrZero,
} from '../../graph-builder/ops/cuda.ts';
import { min } from '../../graph-builder/ops/elementwise.ts';
import { gather } from '../../graph-builder/ops/indexing.ts';
import { concat, transpose } from '../../graph-builder/ops/movement.ts';
import { batchNormalization } from '../../graph-builder/ops/normalization.ts';
import { emitOne } from '../../graph-builder/ops/op.ts';
import { someNode, transform } from '../../graph-builder/rewrites/transform.ts';
import { fixed, sizeOf } from '../../graph-builder/shape.ts';
import { tensor } from '../../graph-builder/types.ts';

const toFirst = (x: Value) => transpose(x, [0, 3, 1, 2]);
const toLast = (x: Value) => transpose(x, [0, 2, 3, 1]);

/** A graph compiled for CUDA with the operators that only CUDA has in ONNX's terms, so that a CPU can compute it. */
export function cudaOnCpu(graph: Graph): Graph {
  if (!someNode(graph, ({ op }) => op.onnx !== undefined)) return graph;
  return transform(graph, ({ op, attributes }, inputs, { copy }) => {
    const [x, w, bias, mean, variance] = inputs as readonly Value[];
    switch (op.type) {
      case ConvChannelsLast.type: {
        const operands = bias ? [toFirst(x!), w, bias] : [toFirst(x!), w];
        return [toLast(emitOne(Conv, operands, attributes as unknown as ConvAttributes))];
      }
      case ConvTransposeChannelsLast.type:
        return [
          toLast(emitOne(ConvTranspose, [toFirst(x!), w], attributes as unknown as ConvTransposeAttributes)),
        ];
      case BatchNormalizationChannelsLast.type: {
        const { epsilon } = attributes as unknown as { epsilon: number };
        return [toLast(batchNormalization(toFirst(x!), w!, bias!, mean!, variance!, epsilon))];
      }
      case GatherOrZero.type: {
        const [rows, ...row] = x!.shape;
        const zeros = new Float32Array(sizeOf(row));
        const padded = concat([x!, x!.graph.constant(tensor(x!.dtype, zeros, [1, ...row.map(fixed)]))], 0);
        return [gather(padded, min(w!, fixed(rows)))];
      }
      default:
        return copy();
    }
  });
}
