import type { Attribute, Graph, Value } from './graph.ts';
import { Graph as GraphClass } from './graph.ts';
import { formatShape, formatType } from './shape.ts';

/** The graph as text, one line a node: for people, for tests, and for comparing two graphs. */
export function print(graph: Graph): string {
  return printInto(graph, '', new Map());
}

function printInto(graph: Graph, indent: string, names: Map<Value, string>): string {
  const nameOf = (value: Value): string => {
    let name = names.get(value);
    if (name === undefined) {
      name = value.constant ? constantText(value) : (value.name ?? `%${names.size}`);
      names.set(value, name);
    }
    return name;
  };
  const attributeText = (attribute: Attribute): string => {
    if (attribute instanceof GraphClass) return `\n${printInto(attribute, `${indent}    `, names)}${indent}`;
    return typeof attribute === 'object' ? formatShape(attribute) : String(attribute);
  };
  const lines = [
    `${indent}${graph.name}(${graph.inputs.map((input) => `${nameOf(input)}: ${formatType(input)}`).join(', ')})`,
  ];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => (input ? nameOf(input) : '_')).join(', ');
    const attributes = Object.entries(node.attributes)
      .filter(([, attribute]) => attribute !== undefined)
      .map(([key, attribute]) => `${key}=${attributeText(attribute!)}`)
      .join(' ');
    const outputs = node.outputs.map((output) => `${nameOf(output)}: ${formatType(output)}`).join(', ');
    const place = node.scope ? `  # ${node.scope}` : '';
    lines.push(
      `${indent}  ${outputs} = ${node.op.type}(${inputs})${attributes ? ` ${attributes}` : ''}${place}`,
    );
  }
  lines.push(
    `${indent}  return ${graph.outputs.map(({ name, value }) => `${name}=${nameOf(value)}`).join(', ')}`,
  );
  return `${lines.join('\n')}\n`;
}

function constantText(value: Value): string {
  const { dtype, shape, data } = value.constant!;
  return data.length === 1 ? `${dtype}(${data[0]})` : `const ${formatType({ dtype, shape })}`;
}
