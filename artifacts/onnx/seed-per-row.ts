import type { onnx as types } from 'onnx-proto';
import { onnx } from './proto.ts';

/** What the changed model has besides; no name of ganx's own models has this prefix. */
const one = 'per-row/one';

/**
 * A generator whose rows draw the noise of runs of their own: the model with `seed` int32 [N, 1] where it had `seed`
 * int32 [], and a further input `place` int32 [N, 1]. Row i comes out as row `place[i]` does in a run with `seed[i]`.
 *
 * Number c of a stream is a hash of a key (two words, from the seed) and of c, which for element j of row p is
 * p * elements + j. The model computes the key [2] of a seed [], and c as an outer sum of rows [N, 1] and columns. Given a
 * seed [N, 1] the very same operators broadcast to a key [N, 2]; only two kinds of them have to be told: the Gather
 * that takes a word of the key takes it from the last axis, and the CumSum that counts rows gives way to `place`.
 * All of it is integer arithmetic, so the noise is the same bit for bit.
 *
 * @returns undefined where the model counts no rows, so that nothing is known of its noise.
 */
export function seedPerRow(bytes: Uint8Array): Uint8Array | undefined {
  const model = onnx.ModelProto.decode(bytes);
  const { graph } = model;
  const nodes = graph?.node ?? [];
  if (!graph || !nodes.some(countsRows)) return undefined;
  graph.input = [
    ...(graph.input ?? []).filter(({ name }) => name !== 'seed'),
    perRow('seed'),
    perRow('place'),
  ];
  graph.initializer = [...(graph.initializer ?? []), scalarOne];
  const fromSeed = new Set(['seed']);
  for (const node of nodes)
    if (countsRows(node)) countFromPlaces(node);
    else if (node.input?.some((name) => fromSeed.has(name))) {
      if (node.opType === 'Gather') takeFromLastAxis(node);
      // Past the words all is [N, 1], and broadcasts with [N, elements] as [1] did.
      else for (const name of node.output ?? []) fromSeed.add(name);
    }
  return onnx.ModelProto.encode(model).finish();
}

const countsRows = ({ opType }: types.INodeProto) => opType === 'CumSum';

/** CumSum over ones counts from 1. */
function countFromPlaces(node: types.INodeProto): void {
  node.opType = 'Add';
  node.input = ['place', one];
  node.attribute = [];
}

function takeFromLastAxis(node: types.INodeProto): void {
  node.attribute = [{ name: 'axis', type: onnx.AttributeProto.AttributeType.INT, i: -1 }];
}

const perRow = (name: string): types.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: onnx.TensorProto.DataType.INT32,
      shape: { dim: [{ dimParam: 'N' }, { dimValue: 1 }] },
    },
  },
});

const scalarOne: types.ITensorProto = {
  name: one,
  dataType: onnx.TensorProto.DataType.INT32,
  int32Data: [1],
};
