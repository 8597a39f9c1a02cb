import { describe, expect, test } from 'vitest';
import { Graph, Node, Value } from '../../graph-builder/graph.ts';
import { loop } from '../../graph-builder/ops/control.ts';
import { Add, add, exp, mul } from '../../graph-builder/ops/elementwise.ts';
import { identity } from '../../graph-builder/ops/movement.ts';
import type { OpDef } from '../../graph-builder/ops/op.ts';
import { verify } from '../../graph-builder/verify.ts';

/** y = exp(2 x), and a loop that carries x and adds y to it. */
function sound(): { graph: Graph; body: Graph } {
  const graph = new Graph('main');
  const x = graph.input('x', 'float32', ['N', 3]);
  const y = graph.scope('head', () => exp(mul(x, 2)));
  const body = new Graph('body', graph);
  body.input('iteration', 'int64', []);
  const condition = body.input('condition', 'bool', []);
  const carried = body.input('carried', 'float32', ['N', 3]);
  body.output('condition', identity(condition));
  body.output('next', add(carried, y));
  body.output('each', mul(carried, carried));
  const [last, stacked] = loop(graph.scalar(4, 'int64'), body, [x]);
  graph.output('last', last!);
  graph.output('stacked', stacked!);
  graph.output('constant', graph.scalar(1));
  return { graph, body };
}

/** Puts an element in the place of another in a list that is only written by building. */
function put<T>(list: readonly T[], index: number, element: T): void {
  (list as T[])[index] = element;
}

describe('verify', () => {
  test('accepts what was built', () => {
    expect(() => {
      verify(sound().graph);
    }).not.toThrow();
  });

  const broken: Record<string, (parts: ReturnType<typeof sound>) => void> = {
    'Mul: input 0 float32[N, 3] of graph main must be computed before it is used (at head)': ({ graph }) => {
      const later = graph.nodes[1]!.outputs[0]!;
      put(graph.nodes, 0, Object.assign(graph.nodes[0]!, { inputs: [later, graph.scalar(2)] }));
    },
    'Exp: input 0 float32[N, 3] of graph main must be computed before it is used (at head)': ({ graph }) => {
      graph.nodes.reverse();
      graph.nodes.push(graph.nodes.shift()!);
    },
    'Exp: input 0 float32[N, 3] of graph body must be visible in graph main (at head)': ({ graph, body }) => {
      Object.assign(graph.nodes[1]!, { inputs: [body.inputs[2]] });
    },
    'verify: output "last" float32[N, 3] of graph body must be visible in graph main': ({ graph, body }) => {
      put(graph.outputs, 0, { name: 'last', value: body.outputs[1]!.value });
    },
    'verify: output "next" float32[N, 3] of graph body must be computed before it is used': ({ body }) => {
      body.nodes.splice(1, 1);
    },
    'verify: input "x" must be unique in graph main': ({ graph }) => {
      graph.inputs.push(new Value(graph, { dtype: 'float32', shape: [] }, { name: 'x' }));
    },
    'verify: input 1 of graph main must have a name': ({ graph }) => {
      graph.inputs.push(new Value(graph, { dtype: 'float32', shape: [] }, {}));
    },
    'verify: output "next" must be unique in graph body': ({ body }) => {
      body.outputs.push(body.outputs[1]!);
    },
    'verify: input "carried" must belong to graph main': ({ graph, body }) => {
      graph.inputs.push(body.inputs[2]!);
    },
    'Loop: subgraph body must have main as its parent': ({ graph, body }) => {
      Object.assign(body, { parent: new Graph('stranger', graph) });
    },
    'Add: must be an operator of the registry': ({ body }) => {
      Object.assign(body.nodes[1]!, { op: { ...Add } });
    },
    'Mystery: must be an operator of the registry (at head)': ({ graph }) => {
      Object.assign(graph.nodes[1]!, { op: { ...graph.nodes[1]!.op, type: 'Mystery' } satisfies OpDef });
    },
    'Exp: its outputs must belong to it and to graph main (at head)': ({ graph }) => {
      const { op, inputs, attributes, scope, outputs } = graph.nodes[1]!;
      const copy = new Node(op, inputs, attributes, scope);
      copy.outputs = outputs;
      put(graph.nodes, 1, copy);
    },
    'Mul: outputs float32[3] must be float32[N, 3] (at head)': ({ graph }) => {
      const node = graph.nodes[0]!;
      node.outputs = [new Value(graph, { dtype: 'float32', shape: [3] }, { node })];
    },
    'Mul: outputs float32[N, 3], float32[N, 3] must be float32[N, 3] (at head)': ({ graph }) => {
      const node = graph.nodes[0]!;
      node.outputs = [...node.outputs, new Value(graph, node.outputs[0]!, { node })];
    },
    'Mul: operand types float32 and int32 must be equal (at head)': ({ graph }) => {
      const node = graph.nodes[0]!;
      Object.assign(node, { inputs: [node.inputs[0], graph.scalar(2, 'int32')] });
    },
  };

  test.each(Object.entries(broken))('%s', (sentence, spoil) => {
    const parts = sound();
    spoil(parts);
    expect(() => {
      verify(parts.graph);
    }).toThrow(sentence);
  });
});
