import type { Graph, Node, Value } from '../graph.ts';
import { Concat, concat, Reshape, reshape } from '../ops/movement.ts';
import type { AxisAttributes } from '../ops/movement.ts';
import { emitOne } from '../ops/op.ts';
import { fixed, sameShape, sizeOf } from '../shape.ts';
import type { Shape } from '../types.ts';
import { cut } from './cut.ts';
import { cachedBytes, isLarge } from './large.ts';
import { readersOf } from './readers.ts';
import { transform } from './transform.ts';

/** To split a tensor is a pass over it that the operators have to make up for. */
const operatorsPerSplit = 3;

/**
 * Runs of elementwise operators on large tensors work on a part after the other, along the first axis: what lies
 * between the operators then takes the memory of a part instead of the whole. A run that begins with the parts of a
 * convolution takes them as they come.
 */
export function elementwiseInParts(graph: Graph): Graph {
  const readers = readersOf(graph);
  const partsOf = new Map<Value, readonly Value[]>();
  /** Parts that somebody else reads too, much later perhaps, would be kept beside the whole. */
  const ownParts = (old: Value, value: Value) =>
    readers.get(old)!.length === 1 ? partsOf.get(value) : undefined;
  /** Whether the node begins a run that is long for the tensors that would have to be split for it. */
  const beginsRun = (first: Node) => {
    const { shape } = first.outputs[0]!;
    const wholes = new Set<Value | undefined>();
    let length = 0;
    let node: Node | undefined = first;
    let before: Value | undefined;
    while (node?.op.elementwise && sameShape(node.outputs[0]!.shape, shape)) {
      length++;
      for (const input of node.inputs)
        if (input && input !== before && sameShape(input.shape, shape)) wholes.add(input);
      before = node.outputs[0]!;
      const next: readonly (Node | undefined)[] = readers.get(before) ?? [];
      node = next.length === 1 ? next[0] : undefined;
    }
    return length >= operatorsPerSplit * wholes.size;
  };

  return transform(graph, (node, inputs, { copy }) => {
    const { shape } = node.outputs[0]!;
    if (!isLarge(shape)) return copy();
    if (isJoin(node)) {
      const outputs = copy();
      partsOf.set(outputs[0]!, inputs as readonly Value[]);
      return outputs;
    }
    if (node.op.type === Reshape.type) {
      const outputs = copy();
      const parts = ownParts(node.inputs[0]!, inputs[0]!);
      const views = parts && viewsOf(parts, shape);
      if (views) partsOf.set(outputs[0]!, views);
      return outputs;
    }
    const operands = inputs as readonly Value[];
    if (!node.op.elementwise || !operands.every((operand) => fits(operand, shape))) return copy();
    const given = operands.map((operand, i) =>
      sameShape(operand.shape, shape) ? ownParts(node.inputs[i]!, operand) : undefined,
    );
    const some = given.find((parts) => parts);
    const sizes = some ? sizesOf(some) : beginsRun(node) ? evenSizes(shape) : [];
    if (sizes.length < 2) return copy();
    const columns = operands.map((operand, i) => {
      const parts = given[i];
      if (parts && String(sizesOf(parts)) === String(sizes)) return parts;
      return sameShape(operand.shape, shape) ? cutAll(operand, sizes) : sizes.map(() => operand);
    });
    const parts = sizes.map((_, i) =>
      emitOne(
        node.op,
        columns.map((column) => column[i]!),
        node.attributes,
      ),
    );
    const whole = concat(parts, 0);
    partsOf.set(whole, parts);
    return [whole];
  });
}

const isJoin = ({ op, attributes }: Node): boolean =>
  op.type === Concat.type && (attributes as unknown as AxisAttributes).axis === 0;

/** Whether an operand is a whole tensor, or the same for every part of it. */
const fits = (operand: Value, shape: Shape): boolean =>
  sameShape(operand.shape, shape) || operand.rank < shape.length || operand.shape[0] === 1;

const sizesOf = (parts: readonly Value[]): number[] => parts.map(({ shape }) => fixed(shape[0]));

/** Not with one Split, which would make all parts at once. */
function cutAll(whole: Value, sizes: readonly number[]): Value[] {
  let end = 0;
  return sizes.map((size) => cut(whole, (end += size) - size, size));
}

/** Parts in the shape of another view of the whole; undefined where they do not end where its rows do. */
function viewsOf(parts: readonly Value[], [, ...row]: Shape): Value[] | undefined {
  const elements = sizeOf(row);
  if (parts.some(({ shape }) => sizeOf(shape) % elements)) return undefined;
  return parts.map((part) => reshape(part, [sizeOf(part.shape) / elements, ...row]));
}

/** Parts of about what the cache takes. */
function evenSizes([rows, ...row]: Shape): number[] {
  const size = Math.max(1, Math.floor(cachedBytes / (4 * sizeOf(row))));
  const count = Math.ceil(fixed(rows) / size);
  return Array.from({ length: count }, (_, i) => Math.min(size, fixed(rows) - i * size));
}
