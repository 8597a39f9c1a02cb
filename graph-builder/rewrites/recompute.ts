import { emit } from '../graph.ts';
import type { Graph, Node, Value } from '../graph.ts';
import { Reshape } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { isLarge } from './large.ts';
import { readersOf } from './readers.ts';
import { transform } from './transform.ts';

/** Operators that are computed anew for a value at most; a norm's scale and shift and the activation after it are 3. */
const most = 4;

/**
 * The backward pass computes an activation a second time where a few elementwise operators make it of what it needs
 * anyway: of a normalised value, say, instead of keeping both from the forward pass on.
 */
export function recompute(graph: Graph): Graph {
  const readers = readersOf(graph);
  const isKept = (value: Value) =>
    !value.node || readers.get(value)?.some((reader) => reader && isBehind(reader, value.node!));

  const costs = new Map<Value, number>();
  /** How many operators make `value` of kept ones; infinite where too many or others do. */
  const costOf = (value: Value): number => {
    let cost = costs.get(value);
    if (cost === undefined) costs.set(value, (cost = computedCost(value)));
    return cost;
  };
  const computedCost = ({ node }: Value): number => {
    const isView = node?.op.type === Reshape.type;
    if (!node || !(node.op.elementwise || isView)) return Infinity;
    const ofInputs = node.inputs.map((input) => {
      if (!input || !isLarge(input.shape)) return 0;
      const cost = costOf(input);
      return cost === Infinity && isKept(input) ? 0 : cost;
    });
    const cost = ofInputs.reduce((sum, each) => sum + each, isView ? 0 : 1);
    return cost <= most ? cost : Infinity;
  };
  const again = new Map<Value, Value>();
  const anew = (old: Value, value: Value): Value => {
    let result = again.get(old);
    if (!result) {
      const { op, inputs, attributes } = value.node!;
      const operands = inputs.map((input, i) => {
        const source = old.node!.inputs[i];
        return input && source && isLarge(source.shape) && costOf(source) < Infinity
          ? anew(source, input)
          : input;
      });
      result = emitOne(op, operands, attributes);
      again.set(old, result);
    }
    return result;
  };

  return transform(graph, (node, inputs, { copy }) => {
    const changed = inputs.map((input, i) => {
      const old = node.inputs[i]!;
      const isSaved = input && isLarge(old.shape) && old.node && isBehind(node, old.node);
      return isSaved && costOf(old) < Infinity ? anew(old, input) : input;
    });
    return changed.some((input, i) => input !== inputs[i]) ? emit(node.op, changed, node.attributes) : copy();
  });
}

/** Whether a node belongs to the backward pass of what the other belongs to. */
const isBehind = (node: Node, other: Node): boolean => order(node) > order(other);

/** How often the place of a node in the network was differentiated. */
const order = ({ scope }: Node): number => /^(gradient(\/|$))*/.exec(scope)![0].split('gradient').length;
