import type { onnx as types } from 'onnx-proto';
import type { Tensor } from '../../graph-builder/types.ts';
import { InputError } from '../errors.ts';
import { readBytes } from '../files.ts';
import { parseModel } from '../onnx/parse.ts';
import type { Model } from '../onnx/parse.ts';
import { digestOf, readExternalFiles } from '../onnx/external-data.ts';
import type { ExternalFiles } from '../onnx/external-place.ts';
import { onnx } from '../onnx/proto.ts';
import { readModelSummary } from '../onnx/summary.ts';
import type { PortInfo } from '../onnx/summary.ts';
import { tensorOf } from '../onnx/tensor-data.ts';
import { refuseUnknownFields } from '../onnx/unknown-fields.ts';

const { AttributeType } = onnx.AttributeProto;

export type ForeignAttribute = number | string | readonly number[] | Tensor;

/** A node as the file has it. */
export interface ForeignNode {
  readonly op: string;
  readonly name: string;
  /** Names of values; empty where an optional one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, ForeignAttribute>;
  /** Of an If, by the name of the attribute. */
  readonly branches: ReadonlyMap<string, ForeignBranch>;
}

/** Nodes that run if a condition says so; they read values of the graph around them. */
export interface ForeignBranch {
  readonly nodes: readonly ForeignNode[];
  /** Names of the values that become the outputs of the If. */
  readonly outputs: readonly string[];
}

/** A model that another program wrote: plain data, all weights read, its nodes in an order in which they can run. */
export interface ForeignModel {
  /** Path of the file. */
  readonly source: string;
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /** Those that an output depends on. */
  readonly nodes: readonly ForeignNode[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  /** The file and those beside it, as they are, and what they are known by. */
  readonly bytes: Uint8Array;
  readonly files: ExternalFiles;
  readonly sha256: string;
}

const opsets = [9, 21] as const;
const newestIr = 13;

/**
 * Reads a model that another program wrote, with the files beside it.
 *
 * @throws InputError naming the file and what in it cannot be carried
 */
export async function readForeignModel(path: string): Promise<ForeignModel> {
  const bytes = await readBytes(path);
  const { metadata } = readModelSummary(bytes, path);
  const model = parseModel(bytes, path);
  if (metadata.format?.startsWith('ganx.training'))
    throw new InputError(
      `${path}: is a training graph of ganx, not a network; give its generator.onnx or discriminator.onnx`,
    );
  if (metadata.format === 'ganx.generator' && metadata.random === 'true')
    throw new InputError(
      `${path}: draws random numbers of its own; export it anew with "ganx export RUN --deterministic"`,
    );
  return foreignModel(bytes, path, model, await readExternalFiles(model.graph.initializer, path));
}

/**
 * The same of a model in memory, with all that it holds.
 *
 * @param source what messages call it
 */
export const decodeForeignModel = (bytes: Uint8Array, source: string): ForeignModel =>
  foreignModel(bytes, source, parseModel(bytes, source), new Map());

function foreignModel(bytes: Uint8Array, path: string, model: Model, files: ExternalFiles): ForeignModel {
  const { irVersion, opset, producer, producerVersion, inputs, outputs } = readModelSummary(bytes, path);
  refuseUnknownFields(bytes, path);
  const refuse = (problem: string): never => {
    throw new InputError(`${path}: ${problem}`);
  };
  if (model.trainingInfo.length)
    refuse('holds training information; export the network alone, for inference');
  if (irVersion > newestIr)
    refuse(`IR version ${irVersion} is newer than ${newestIr}, the newest that ganx can carry`);
  if (!(opset >= opsets[0] && opset <= opsets[1]))
    refuse(`opset ${opset} must be from ${opsets.join(' to ')}; export with opset_version=18`);
  const { graph } = model;
  if (graph.sparseInitializer?.length) refuse('has sparse initializers, which ganx lacks');

  const initializers = new Map(
    graph.initializer.map((proto) => [proto.name ?? '', tensorOf(proto, path, files)]),
  );
  refuseOperators(model, path);
  refuseRepeatedNames(graph, path);
  const needed = neededNodes(graph.node ?? [], outputs);
  checkOrder(needed, [...inputs.map(({ name }) => name), ...initializers.keys()], path);
  return {
    source: path,
    irVersion,
    opset,
    producer: [producer, producerVersion].filter(Boolean).join(' '),
    inputs,
    outputs,
    nodes: needed.map((node) => foreignNode(node, path)),
    initializers,
    bytes,
    files,
    sha256: digestOf(bytes, files),
  };
}

/** A name that two things have would stand for one of them, whichever comes last. */
function refuseRepeatedNames({ input, initializer, node }: types.IGraphProto, path: string): void {
  const kinds = {
    input: (input ?? []).map(({ name }) => name ?? ''),
    initializer: (initializer ?? []).map(({ name }) => name ?? ''),
    'output of a node': (node ?? []).flatMap(({ output }) => (output ?? []).filter(Boolean)),
  };
  for (const [kind, names] of Object.entries(kinds)) {
    const seen = new Set<string>();
    const repeated = names.find((name) => seen.size === seen.add(name).size);
    if (repeated !== undefined)
      throw new InputError(`${path}: ${kind} "${repeated}" is there twice; names must be unique`);
  }
}

/** Operators of another domain, or made of functions of the file, mean what only their author knows. */
function refuseOperators(
  { graph, functions }: { graph: types.IGraphProto; functions: types.IFunctionProto[] },
  path: string,
): void {
  const own = new Set(functions.map(({ domain, name }) => `${domain ?? ''}::${name ?? ''}`));
  for (const { domain, opType, name } of allNodes(graph)) {
    if (own.has(`${domain ?? ''}::${opType ?? ''}`))
      throw new InputError(
        `${path}: node "${name}" calls the function ${opType}; export with functions inlined`,
      );
    if (domain && domain !== 'ai.onnx')
      throw new InputError(
        `${path}: node "${name}" is ${domain}::${opType}, must be an operator of ONNX's own domain`,
      );
  }
}

const branchesOf = ({ attribute }: types.INodeProto): types.IGraphProto[] =>
  (attribute ?? []).flatMap(({ g }) => g ?? []);

const allNodes = ({ node }: types.IGraphProto): types.INodeProto[] =>
  (node ?? []).flatMap((each) => [each, ...branchesOf(each).flatMap(allNodes)]);

/** What a node reads, in its branches too. */
function readsOf(node: types.INodeProto): string[] {
  const inBranches = branchesOf(node).flatMap((branch) => {
    const nodes = branch.node ?? [];
    const own = new Set(nodes.flatMap(({ output }) => output ?? []));
    const read = [...nodes.flatMap(readsOf), ...(branch.output ?? []).map(({ name }) => name ?? '')];
    return read.filter((name) => !own.has(name));
  });
  return [...(node.input ?? []), ...inBranches];
}

/** The nodes that an output depends on, in the order of the file. */
function neededNodes(nodes: readonly types.INodeProto[], outputs: readonly PortInfo[]): types.INodeProto[] {
  const maker = new Map(nodes.flatMap((node) => (node.output ?? []).map((name) => [name, node] as const)));
  const needed = new Set<types.INodeProto>();
  const open = outputs.map(({ name }) => name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = maker.get(name);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    open.push(...readsOf(node));
  }
  return nodes.filter((node) => needed.has(node));
}

function checkOrder(nodes: readonly types.INodeProto[], given: readonly string[], path: string): void {
  const known = new Set(['', ...given]);
  const later = new Set(nodes.flatMap(({ output }) => output ?? []));
  for (const node of nodes) {
    const { name, opType, output } = node;
    for (const value of readsOf(node))
      if (!known.has(value))
        throw new InputError(
          `${path}: node "${name}" (${opType}) reads "${value}", ${later.has(value) ? 'which is computed from it or after it: the graph has a cycle or is out of order' : 'which nothing computes'}`,
        );
    for (const value of output ?? []) known.add(value);
  }
}

function foreignNode(node: types.INodeProto, path: string): ForeignNode {
  const { opType, name, input, output, attribute } = node;
  const where = `${path}: node "${name}" (${opType})`;
  const outputs = output ?? [];
  const isBranch = ({ g }: types.IAttributeProto) => opType === 'If' && g;
  const [branches, others] = [
    (attribute ?? []).filter(isBranch),
    (attribute ?? []).filter((proto) => !isBranch(proto)),
  ];
  return {
    op: opType ?? '',
    name: [name, ...outputs].find(Boolean) ?? '',
    inputs: input ?? [],
    outputs,
    attributes: new Map(others.map((proto) => [proto.name ?? '', attributeOf(proto, where)])),
    branches: new Map(branches.map(({ name: key, g }) => [key ?? '', branchOf(g!, path, where)])),
  };
}

function branchOf(
  { node, output, initializer }: types.IGraphProto,
  path: string,
  where: string,
): ForeignBranch {
  if (initializer?.length)
    throw new InputError(`${where}: has a branch with weights of its own, which ganx does not import`);
  return {
    nodes: (node ?? []).map((each) => foreignNode(each, path)),
    outputs: (output ?? []).map(({ name }) => name ?? ''),
  };
}

function attributeOf(proto: types.IAttributeProto, where: string): ForeignAttribute {
  const text = (bytes: Uint8Array | null | undefined) => new TextDecoder().decode(bytes ?? new Uint8Array());
  const type: types.AttributeProto.AttributeType | null | undefined = proto.type;
  switch (type) {
    case AttributeType.FLOAT:
      return proto.f ?? 0;
    case AttributeType.INT:
      return Number(proto.i ?? 0);
    case AttributeType.STRING:
      return text(proto.s);
    case AttributeType.FLOATS:
      return proto.floats ?? [];
    case AttributeType.INTS:
      return (proto.ints ?? []).map(Number);
    case AttributeType.TENSOR:
      return tensorOf({ name: proto.name ?? '', ...proto.t }, where);
    case AttributeType.GRAPH:
      throw new InputError(`${where}: repeats a graph, which ganx does not import`);
    default:
      throw new InputError(
        `${where}: attribute ${proto.name} is ${AttributeType[type ?? 0] ?? 'of no type'}, which ganx does not import`,
      );
  }
}
