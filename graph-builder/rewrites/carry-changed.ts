import { emit, Graph } from '../graph.ts';
import { transform } from './transform.ts';

/**
 * What a loop's body gives back as it got it is not carried: the body reads it from outside, if at all. Carrying it is
 * not free: on a GPU, onnxruntime takes what no node of the body reads to the host in every iteration.
 */
export function carryChanged(graph: Graph): Graph {
  return transform(graph, (node, inputs, { copy, subgraph }) => {
    const { body } = node.attributes;
    if (!(body instanceof Graph)) return copy();
    const [trips, condition, ...initial] = inputs;
    const carried = body.inputs.slice(2);
    const finals = body.outputs.slice(1);
    const kept = new Map(
      carried.flatMap((input, place) =>
        finals[place]!.value === input ? [[place, initial[place]!] as const] : [],
      ),
    );
    if (kept.size === 0) return copy();
    const result = subgraph(body, {
      input: (into, input) =>
        kept.get(carried.indexOf(input)) ?? into.input(input.name!, input.dtype, input.shape),
      drops: new Set([...kept.keys()].map((place) => finals[place]!.name)),
    });
    const changed = initial.filter((_, place) => !kept.has(place));
    const results = [...emit(node.op, [trips, condition, ...changed], { ...node.attributes, body: result })];
    return node.outputs.map((_, place) => kept.get(place) ?? results.shift()!);
  });
}
