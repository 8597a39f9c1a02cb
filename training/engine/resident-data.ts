import type { Device } from '../../artifacts/device.ts';
import type { Graph, Value } from '../../graph-builder/graph.ts';
import { Gather, gather } from '../../graph-builder/ops/indexing.ts';
import { transform } from '../../graph-builder/rewrites/transform.ts';
import type { Dataset } from '../data/dataset.ts';

/** Bytes that a model may hold besides: its file must stay below 2 GB, and is there several times over while it loads. */
const most = 512 * 2 ** 20;

/**
 * Whether the data stay on the device during a run, so that a step is given the places of its samples only. Worth it
 * where data have a way to go.
 */
export const isResident = ({ kind }: Device, { data }: Dataset): boolean =>
  kind === 'cuda' && data.byteLength <= most;

/**
 * The training loop with the data in it: its input `real` becomes their places in the data set, int32 [K, samples].
 */
export function withResidentData(loop: Graph, { data, dtype, count, sampleShape }: Dataset): Graph {
  const real = loop.inputs.find(({ name }) => name === 'real')!;
  const samples = (at: Value) =>
    at.graph.constant({ dtype, shape: [count, ...sampleShape], data }, 'dataset');
  return transform(
    loop,
    ({ op, inputs: [source] }, [places, step], { copy }) => {
      if (op.type !== Gather.type || source !== real) return copy();
      const ofStep = gather(places!, step!);
      return [gather(samples(ofStep), ofStep)];
    },
    undefined,
    {
      input: (graph, { name, dtype: type, shape }) =>
        name === real.name ? graph.input(name!, 'int32', shape.slice(0, 2)) : graph.input(name!, type, shape),
    },
  );
}
