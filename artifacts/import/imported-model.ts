import { gradients } from '../../graph-builder/autodiff.ts';
import { GraphError } from '../../graph-builder/errors.ts';
import { Graph } from '../../graph-builder/graph.ts';
import type { Value } from '../../graph-builder/graph.ts';
import { Pass } from '../../graph-builder/layers/pass.ts';
import { cast } from '../../graph-builder/ops/elementwise.ts';
import { reduceSum } from '../../graph-builder/ops/reduction.ts';
import { RandomStreams } from '../../graph-builder/random.ts';
import { formatShape } from '../../graph-builder/shape.ts';
import type { Dim, DType, TensorType } from '../../graph-builder/types.ts';
import { isFloat, tensor } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { elementTypeOf } from '../onnx/element-types.ts';
import { applyForeign } from './apply.ts';
import { chooseBranches } from './branches.ts';
import { isFoldable } from './fold.ts';
import type { ForeignModel } from './foreign-model.ts';
import { readForeignModel } from './foreign-model.ts';
import { loweringOf } from './lower/index.ts';
import type { Operand } from './operand.ts';
import { knownOf, valueOf } from './operand.ts';
import type { NamedTensor } from './tensors.ts';
import { foldedCopy, namedTensors } from './tensors.ts';

/** A foreign model that ganx can compute: what it holds, and the types of its inputs and outputs. */
export interface ImportedModel {
  readonly model: ForeignModel;
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** With the batch as the symbol `N`. */
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
}

export interface Port extends TensorType {
  readonly name: string;
}

/**
 * Reads a foreign model and infers its shapes.
 *
 * @param freeze patterns of names of tensors that are not to be trained
 * @throws InputError naming the file, the node and what in it ganx cannot compute
 */
export async function importModel(path: string, freeze: readonly string[] = []): Promise<ImportedModel> {
  const read = await readForeignModel(path);
  refuseOperators(read);
  const inputs = read.inputs.map(({ name, dtype, shape }) => ({
    name,
    dtype: dtypeOfPort(read, name, dtype),
    shape: shape.map((dim, axis) => (axis === 0 ? 'N' : extentOf(read, name, dim, shape))),
  }));
  const model = chooseBranches(read, (part, name) => {
    const { operands } = apply({ model: part, tensors: namedTensors(part, []), inputs }, 'N', false);
    const operand = operands.get(name);
    return operand && knownOf(operand);
  });
  refuseOperators(model);
  const tensors = namedTensors(model, freeze);
  const copied = foldedCopy(tensors);
  if (copied)
    throw new InputError(
      `${path}: "${copied[0]}" is a copy of "${copied[1]}" that the exporter has made, and training would part the two; export with do_constant_folding=False, or optimize=False`,
    );
  const { values } = apply({ model, tensors, inputs }, 'N', false);
  const outputs = model.outputs.map(({ name }, i) => ({
    name,
    dtype: values[i]!.dtype,
    shape: values[i]!.shape,
  }));
  return { model, tensors, inputs, outputs };
}

/** All at once: who exports a model again wants to know of every one. */
function refuseOperators({ nodes, source }: ForeignModel): void {
  const missing = new Map<string, number>();
  for (const { op, branches } of nodes)
    if (!branches.size && !loweringOf(op) && !isFoldable(op)) missing.set(op, (missing.get(op) ?? 0) + 1);
  if (missing.size === 0) return;
  const list = [...missing].map(([op, count]) => (count === 1 ? op : `${op} (${count} times)`)).join(', ');
  throw new InputError(`${source}: has operators that ganx does not import: ${list}`);
}

export function dtypeOfPort({ source }: ForeignModel, name: string, dtype: string): DType {
  const known = elementTypeOf(dtype);
  if (!known) throw new InputError(`${source}: input "${name}" is ${dtype}, which ganx lacks`);
  return known;
}

function extentOf({ source }: ForeignModel, name: string, dim: Dim, shape: readonly Dim[]): number {
  if (typeof dim === 'number') return dim;
  throw new InputError(
    `${source}: input "${name}" ${formatShape(shape)} leaves extent ${dim} open; only the first, the batch, may be; export with fixed sizes`,
  );
}

/** The model on a graph of its own, for a batch of a given or an open extent. */
function apply(
  { model, tensors, inputs }: Omit<ImportedModel, 'outputs'>,
  batch: Dim,
  training: boolean,
): { pass: Pass; operands: ReadonlyMap<string, Operand>; values: Value[]; inputs: Value[] } {
  const graph = new Graph(model.source);
  const zero = () => graph.constant(tensor('int32', [0], []));
  const pass = new Pass({
    graph,
    network: 'imported',
    training,
    random: RandomStreams.of(graph, zero(), zero()),
  });
  const ports = inputs.map(({ name, dtype, shape }) =>
    graph.input(
      `input ${name}`,
      dtype,
      shape.map((dim) => (dim === 'N' ? batch : dim)),
    ),
  );
  const given = new Map(inputs.map(({ name }, i) => [name, ports[i]!]));
  try {
    const operands = applyForeign({ model, tensors, pass, inputs: given, batch });
    const values = model.outputs.map(({ name }) =>
      valueOf(operands.get(name) ?? missing(model, name), graph),
    );
    return { pass, operands, values, inputs: ports };
  } catch (error) {
    if (error instanceof GraphError)
      throw new InputError(`${model.source}: ${error.message}${hint(model)}`, { cause: error });
    throw error;
  }
}

/**
 * What lies behind a refusal that an export would not have: weights of another type, or a fixed batch, which is in the
 * shapes of a file as a number like any other, where the exporter has multiplied it too.
 */
function hint({ inputs, initializers }: ForeignModel): string {
  for (const [name, { dtype, shape }] of initializers)
    if (isFloat(dtype) && dtype !== 'float32' && shape.length)
      return `; weights are read as float32, and "${name}" is ${dtype}; export the network after .float()`;
  const batch = inputs[0]?.shape[0];
  return typeof batch === 'number'
    ? `; the file fixes the batch at ${batch}, and may be readable with an open one (dynamic_axes or dynamic_shapes)`
    : '';
}

function missing({ source }: ForeignModel, name: string): Operand {
  throw new InputError(`${source}: output "${name}" is computed by no node`);
}

/** Parameters that cannot be trained, and why: the gradient of the first output does not reach them. */
export function untrainable(imported: ImportedModel): ReadonlyMap<string, string> {
  const { pass, values } = apply(imported, 2, true);
  const parameters = pass.declared.parameters.map(({ name }) => name);
  const nameOf = (full: string) => full.slice('imported/'.length);
  const inputs = parameters.map((name) => pass.graph.inputs.find((input) => input.name === name)!);
  const all = (reason: string) => new Map(parameters.map((name) => [nameOf(name), reason]));
  const [first] = values;
  if (!first || !isFloat(first.dtype)) return all('the output is no float');
  try {
    const grads = gradients(reduceSum(cast(first, 'float32')), inputs);
    const lost = parameters.filter((_, i) => isZero(grads[i]!));
    return new Map(lost.map((name) => [nameOf(name), 'no gradient reaches it']));
  } catch (error) {
    if (error instanceof GraphError) return all(error.message);
    throw error;
  }
}

/** What autodiff gives where nothing flows: a zero, expanded. */
function isZero(grad: Value): boolean {
  const constant = grad.constant ?? grad.node?.inputs[0]?.constant;
  const isSpread = grad.constant !== undefined || grad.node?.op.type === 'Expand';
  return isSpread && constant?.shape.length === 0 && Number(constant.data[0]) === 0;
}
