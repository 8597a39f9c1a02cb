import { emit, Graph } from '../graph.ts';
import type { Node, Value } from '../graph.ts';
import { Concat, concat, Split, split } from '../ops/movement.ts';
import { fixed } from '../shape.ts';
import { readersOf } from './readers.ts';
import { transform } from './transform.ts';

/** Carried values that a body reads joined and gives back as parts of one. */
interface Group {
  readonly members: readonly Value[];
  /** Their places among the carried values, ascending. */
  readonly places: readonly number[];
  readonly join: Node;
}

/**
 * Where a loop's body joins carried vectors, as the moments of an optimiser, and takes what came of them apart again,
 * carries them joined: they are joined and parted once, before and after the loop, not in every iteration. On a GPU each
 * of these takes as long as several operators, because it hands over a table of places.
 */
export function carryJoined(graph: Graph): Graph {
  const joined = new Map<Node, Value>();
  return transform(graph, (node, inputs, { copy, subgraph }) => {
    const known = joined.get(node);
    if (known) return [known];
    const { body } = node.attributes;
    if (!(body instanceof Graph)) return copy();
    const groups = groupsIn(body);
    if (!groups.length) return copy();
    const groupAt = new Map(groups.flatMap((group) => group.places.map((place) => [place, group] as const)));
    /** What stands for the carried values: a group's in the place of its first, each other's in its own. */
    const merge = <T>(values: readonly T[], join: (members: readonly T[]) => T): T[] =>
      values.flatMap((value, place) => {
        const group = groupAt.get(place);
        if (!group) return [value];
        return group.places[0] === place ? [join(group.places.map((each) => values[each]!))] : [];
      });

    const placeOf = new Map(body.inputs.slice(2).map((input, place) => [input, place]));
    const finals = body.outputs.slice(1).map(({ name }) => name);
    const result = subgraph(body, {
      input: (into, input) => {
        const group = groupAt.get(placeOf.get(input) ?? -1);
        if (!group) return into.input(input.name!, input.dtype, input.shape);
        if (group.members[0] !== input) return joined.get(group.join)!;
        const extent = group.members.reduce((sum, { shape }) => sum + fixed(shape[0]), 0);
        const value = into.input(`joined/${input.name}`, input.dtype, [extent]);
        joined.set(group.join, value);
        return value;
      },
      output: (name, value) => {
        const group = groupAt.get(finals.indexOf(name));
        return group ? value.node!.inputs[0]! : value;
      },
      drops: new Set(groups.flatMap(({ places }) => places.slice(1).map((place) => finals[place]!))),
    });
    const [trips, condition, ...initial] = inputs;
    const stored = merge(initial as readonly Value[], (members) => concat(members, 0));
    const results = [...emit(node.op, [trips, condition, ...stored], { ...node.attributes, body: result })];
    const parts = new Map<Group, readonly Value[]>();
    return node.outputs.map((_, place) => {
      const group = groupAt.get(place);
      if (!group) return results.shift()!;
      const { members, places } = group;
      if (places[0] === place)
        parts.set(
          group,
          split(
            results.shift()!,
            members.map(({ shape }) => fixed(shape[0])),
            0,
          ),
        );
      return parts.get(group)![places.indexOf(place)]!;
    });
  });
}

function groupsIn(body: Graph): Group[] {
  const readers = readersOf(body);
  const carried = body.inputs.slice(2);
  return body.nodes.flatMap((node) => {
    const members = node.inputs as readonly Value[];
    const places = members.map((member) => carried.indexOf(member));
    const isInOrder = places.every((place, i) => place > (places[i - 1] ?? -1));
    const isRead = (member: Value) =>
      readers.get(member)!.length === 1 && member.rank === 1 && typeof member.shape[0] === 'number';
    if (node.op.type !== Concat.type || !isInOrder || !members.every(isRead)) return [];
    const finals = places.map((place) => body.outputs[place + 1]!.value);
    const parting = finals[0]!.node;
    const isParted =
      parting?.op.type === Split.type &&
      parting.outputs.length === finals.length &&
      finals.every((value, i) => parting.outputs[i] === value);
    return isParted ? [{ members, places, join: node }] : [];
  });
}
