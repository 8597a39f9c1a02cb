import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { identity } from '../../graph-builder/ops/movement.ts';

/** The body of the only loop in a graph. */
export function bodyOf({ nodes }: Graph): Graph {
  const bodies = nodes.flatMap(({ attributes: { body } }) => (body instanceof Graph ? [body] : []));
  if (bodies.length !== 1) throw new Error(`${bodies.length} loops`);
  return bodies[0]!;
}

/** A loop body with one carried value; `next` says what becomes of it. */
export function bodyIn(
  parent: Graph,
  shape: readonly number[],
  next: (body: Graph, carried: Value) => Value,
): Graph {
  const body = new Graph('body', parent);
  body.input('iteration', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const carried = body.input('carried', 'float32', shape);
  body.output('condition', identity(condition));
  body.output('next', next(body, carried));
  return body;
}
