import { GraphError, inNameOf } from './errors.ts';
import { Graph } from './graph.ts';
import type { Node, Value } from './graph.ts';
import { add } from './ops/elementwise.ts';
import { reshape, zerosLike } from './ops/movement.ts';
import type { GradientRule } from './ops/op.ts';
import { reduceSum } from './ops/reduction.ts';
import { broadcastAxes, formatType, sameShape } from './shape.ts';
import { isFloat } from './types.ts';

export interface GradientOptions {
  /** Values that count as constants: nothing flows through or past them. */
  readonly constants?: readonly Value[];
}

/**
 * Reverse-mode differentiation: emits the gradient of the scalar `loss` by each of `wrt`.
 *
 * The driver knows no operator. It walks the nodes between `wrt` and `loss` backwards, asks each operator's rule
 * for the gradients that are wanted, sums broadcast axes down, adds up contributions, and checks every result.
 * Rules emit ordinary nodes, so the result can be differentiated again.
 *
 * @returns one gradient per entry of `wrt`, of its type; zeros where the loss does not depend on it.
 * @throws GraphError where the path meets an operator without a gradient, or a value of `wrt` is of a graph that the
 * loss does not see.
 */
export function gradients(loss: Value, wrt: readonly Value[], options: GradientOptions = {}): Value[] {
  if (loss.rank !== 0 || !isFloat(loss.dtype))
    throw new GraphError('gradients', `loss ${formatType(loss)} must be a float scalar`);
  const { graph } = loss;
  for (const value of wrt)
    if (!graph.sees(value.graph))
      throw new GraphError(
        'gradients',
        `${formatType(value)} of graph ${value.graph.name} must be visible in graph ${graph.name}, which the loss is of`,
      );
  const stop = new Set(options.constants);
  // The rules append nodes: walk the ones that are there now.
  const nodes = visibleNodes(graph);
  const active = dependents(nodes, wrt, stop);
  const grads = new Map<Value, Value>([[loss, graph.scalar(1, loss.dtype)]]);

  const accumulate = (value: Value, grad: Value) => {
    const known = grads.get(value);
    grads.set(value, known ? add(known, grad) : grad);
  };

  for (const node of nodes.reverse()) {
    const dys = node.outputs.map((output) => grads.get(output));
    const firstKnown = dys.find((dy) => dy !== undefined);
    if (!firstKnown || !readsAny(node, active)) continue;
    if (!node.outputs.some((output) => active.has(output))) continue;
    graph.scope(node.scope ? `gradient/${node.scope}` : 'gradient', () => {
      const rule = ruleOf(node);
      if (!rule) return;
      naming(node, () => {
        const inputGradients = rule({
          inputs: node.inputs as readonly Value[],
          outputs: node.outputs,
          attributes: node.attributes,
          // Rules of several outputs read `dys`; for the others the first output is the only one.
          dy: dys[0] ?? firstKnown,
          dys,
        });
        node.inputs.forEach((input, i) => {
          if (!input || !active.has(input) || !isFloat(input.dtype)) return;
          const grad = inputGradients[i]?.();
          if (grad) accumulate(input, fitted(grad, input, node));
        });
      });
    });
  }
  return wrt.map((value) => grads.get(value) ?? zerosLike(value));
}

/** The nodes of the graph and, before them, those of the graphs around it, in an order in which they can run. */
function visibleNodes(graph: Graph): Node[] {
  return [...(graph.parent ? visibleNodes(graph.parent) : []), ...graph.nodes];
}

/** A rule that meets a symbol where it needs a number does not know where it is. */
const naming = (node: Node, build: () => void): void => {
  inNameOf(node.op.type, node.scope, build, 'has no gradient here: ');
};

/** The values that depend on one of `wrt`, itself included, by a path that meets no value of `stop`. */
function dependents(nodes: readonly Node[], wrt: readonly Value[], stop: ReadonlySet<Value>): Set<Value> {
  const active = new Set<Value>(wrt);
  for (const node of nodes) {
    if (!readsAny(node, active)) continue;
    for (const output of node.outputs) if (!stop.has(output) && isFloat(output.dtype)) active.add(output);
  }
  return active;
}

/** Whether a node reads one of the values, be it inside of a subgraph that takes it from around. */
function readsAny({ inputs, attributes }: Node, values: ReadonlySet<Value>): boolean {
  return (
    inputs.some((input) => input && values.has(input)) ||
    Object.values(attributes).some(
      (attribute) =>
        attribute instanceof Graph &&
        (attribute.nodes.some((inner) => readsAny(inner, values)) ||
          attribute.outputs.some(({ value }) => values.has(value))),
    )
  );
}

function ruleOf(node: Node): GradientRule<object> | undefined {
  const { gradient } = node.op;
  if (typeof gradient === 'function') return gradient as GradientRule<object>;
  if ('flat' in gradient) return undefined;
  throw new GraphError(node.op.type, `has no gradient: ${gradient.notDifferentiable}`, node.scope);
}

/** Sums the axes along which `input` was broadcast, and refuses what then still does not fit. */
function fitted(grad: Value, input: Value, node: Node): Value {
  const axes = broadcastAxes(grad.shape, input.shape);
  const summed = axes.length ? reshape(reduceSum(grad, axes, true), input.shape) : grad;
  if (summed.dtype !== input.dtype || !sameShape(summed.shape, input.shape))
    throw new GraphError(
      node.op.type,
      `its gradient rule gave ${formatType(grad)} for an input ${formatType(input)}`,
      node.scope,
    );
  return summed;
}
