import { refuse } from '../../graph-builder/errors.ts';
import type { Graph, Value } from '../../graph-builder/graph.ts';
import type { Pass } from '../../graph-builder/layers/pass.ts';
import { fixed } from '../../graph-builder/shape.ts';
import type { Dim, DType, Tensor } from '../../graph-builder/types.ts';
import { dtypeOf, elementTypeName } from '../onnx/element-types.ts';
import type { ForeignAttribute, ForeignNode } from './foreign-model.ts';
import type { Known, Operand } from './operand.ts';
import { knownOf, valueOf } from './operand.ts';

/** What an operator of a foreign graph becomes: its outputs, made of registered operators. */
export type Lowering = (call: Call) => Operand | readonly Operand[];
/** The operators of one family, by their ONNX names. */
export type Lowerings = Readonly<Record<string, Lowering>>;

/** The running statistics of a batch norm and where their next values go. */
export interface Statistics {
  readonly mean: Value;
  readonly variance: Value;
  readonly update: (mean: Value, variance: Value) => void;
}

/** A node with its operands, as a lowering sees it. Sentences of its refusals go on after the operator's name. */
export class Call {
  readonly node: ForeignNode;
  readonly opset: number;
  readonly pass: Pass;
  readonly operands: readonly (Operand | undefined)[];
  /** Extent of the batch when the model was exported, where the file fixes one, and now. */
  readonly batch: { readonly exported: number | undefined; readonly now: Dim };
  /** The statistics that inputs `mean` and `variance` stand for, where this pass is to update them. */
  readonly statistics: (mean: number, variance: number) => Statistics | undefined;

  constructor(from: Pick<Call, 'node' | 'opset' | 'pass' | 'operands' | 'batch' | 'statistics'>) {
    this.node = from.node;
    this.opset = from.opset;
    this.pass = from.pass;
    this.operands = from.operands;
    this.batch = from.batch;
    this.statistics = from.statistics;
  }

  get graph(): Graph {
    return this.pass.graph;
  }

  value(i: number): Value {
    return this.optional(i) ?? refuse(`input ${i} is missing`);
  }

  optional(i: number): Value | undefined {
    const operand = this.operands[i];
    return operand && valueOf(operand, this.graph);
  }

  /** All operands as values. */
  get values(): Value[] {
    return this.operands.map((_, i) => this.value(i));
  }

  known(i: number): Known | undefined {
    const operand = this.operands[i];
    return operand && knownOf(operand);
  }

  /** The elements of an input that must be known when the model is imported: numbers and symbols. */
  sizes(i: number): readonly Dim[] {
    const known = this.known(i);
    return known ? known.elements : refuse(`input ${i} must be a constant, or be computed from shapes`);
  }

  numbers(i: number): number[] {
    return this.sizes(i).map(fixed);
  }

  /** A list that older versions of the operator have as an attribute and newer ones as input `i`. */
  list(name: string, i: number): number[] | undefined {
    const attribute = this.ints(name);
    if (attribute) return [...attribute];
    return this.operands[i] ? this.numbers(i) : undefined;
  }

  int(name: string, fallback: number): number {
    return this.#typed(name, 'number') ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.#typed(name, 'number') ?? fallback;
  }

  text(name: string, fallback: string): string {
    return this.#typed(name, 'string') ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    const value = this.node.attributes.get(name);
    if (value === undefined) return undefined;
    return isList(value) ? value : refuse(`attribute ${name} must be a list of numbers`);
  }

  tensor(name: string): Tensor | undefined {
    const value = this.node.attributes.get(name);
    return value !== undefined && typeof value === 'object' && 'dtype' in value ? value : undefined;
  }

  /** An attribute that names an element type. */
  dtype(name: string): DType {
    const number = this.int(name, 0);
    return dtypeOf(number) ?? refuse(`element type ${elementTypeName(number)} is one that ganx lacks`);
  }

  #typed<T extends 'number' | 'string'>(
    name: string,
    type: T,
  ): (T extends 'number' ? number : string) | undefined {
    const value = this.node.attributes.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== type) refuse(`attribute ${name} must be a ${type}`);
    return value as T extends 'number' ? number : string;
  }
}

const isList = (value: ForeignAttribute): value is readonly number[] => Array.isArray(value);
