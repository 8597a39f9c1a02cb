import { inNameOf, refuse } from '../../graph-builder/errors.ts';
import { Value } from '../../graph-builder/graph.ts';
import type { Pass } from '../../graph-builder/layers/pass.ts';
import type { Dim, DType } from '../../graph-builder/types.ts';
import type { Statistics } from './call.ts';
import { Call } from './call.ts';
import { fold } from './fold.ts';
import type { ForeignModel, ForeignNode } from './foreign-model.ts';
import { loweringOf } from './lower/index.ts';
import type { Known, Operand } from './operand.ts';
import { knownOf, valueOf } from './operand.ts';
import { powerIteration, spectralNorms } from './spectral-norm.ts';
import type { NamedTensor } from './tensors.ts';

export interface Application {
  readonly model: ForeignModel;
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly pass: Pass;
  /** Values of the model's inputs, by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Extent of the batch: a number or a symbol. */
  readonly batch: Dim;
}

/**
 * Applies a foreign model in a pass: its nodes one by one become registered operators, with shapes as they are here.
 * What is known beforehand, such as arithmetic on shapes, is worked out and leaves no node.
 *
 * @returns the operands behind all names
 * @throws GraphError naming operator, rule and node
 */
export function applyForeign({
  model,
  tensors,
  pass,
  inputs,
  batch,
}: Application): ReadonlyMap<string, Operand> {
  const operands = new Map<string, Operand>(inputs);
  /** Statistics as they are at this place of the pass: a norm that is applied twice tracks twice. */
  const tracked = new Map<string, Value>();
  const operandOf = (name: string): Operand | undefined => {
    if (name === '') return undefined;
    let known = operands.get(name);
    if (!known) {
      const named = tensors.get(name);
      if (!named) return undefined;
      operands.set(name, (known = tensorValue(name, named, pass)));
    }
    return known;
  };
  /** Sets the value of a statistic from here on. */
  const track = (name: string, value: Value) => {
    tracked.set(name, value);
    pass.update(name, value);
  };
  const trackedOf = (name: string) => tracked.get(name) ?? valueOf(operandOf(name)!, pass.graph);
  const isStatistic = (name: string) => tensors.get(name)?.role === 'statistic';
  const stored = new Map([...tensors].map(([name, { tensor }]) => [name, tensor]));
  const norms = pass.training
    ? spectralNorms(model.nodes, stored).filter(({ u, v }) => isStatistic(u) && isStatistic(v))
    : [];
  const normOf = new Map(
    norms.flatMap((norm) => [[norm.product, norm] as const, [norm.norm, norm] as const]),
  );
  const first = model.inputs[0]?.shape[0];
  const exported = typeof first === 'number' ? first : undefined;

  for (const node of model.nodes) {
    if (node.op === 'Identity' && tensors.has(node.outputs[0]!)) continue;
    const values = node.inputs.map(operandOf);
    const spectral = normOf.get(node);
    if (spectral?.product === node) {
      const [u, v] = [trackedOf(spectral.u), trackedOf(spectral.v)];
      const weight = valueOf(values[0]!, pass.graph);
      const next = pass.graph.scope(placeOf(node), () => powerIteration(weight, spectral, u, v));
      track(spectral.u, next.u);
      track(spectral.v, next.v);
      values[1] = next.v;
    } else if (spectral) values[0] = trackedOf(spectral.u);
    const statistics = (mean: number, variance: number): Statistics | undefined => {
      const [meanName, varianceName] = [node.inputs[mean]!, node.inputs[variance]!];
      if (![meanName, varianceName].every(isStatistic)) return undefined;
      return {
        mean: trackedOf(meanName),
        variance: trackedOf(varianceName),
        update: (m, v) => {
          track(meanName, m);
          track(varianceName, v);
        },
      };
    };
    const call = new Call({
      node,
      opset: model.opset,
      pass,
      operands: values,
      batch: { exported, now: batch },
      statistics,
    });
    const results = pass.graph.scope(placeOf(node), () => lowered(call));
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (result && name) operands.set(name, result);
    });
  }
  return operands;
}

function tensorValue(name: string, { tensor, role }: NamedTensor, pass: Pass): Value {
  if (role === 'constant') return pass.graph.constant(tensor, name);
  const init = { kind: 'given', tensor } as const;
  return role === 'parameter'
    ? pass.parameter(name, tensor.shape, init)
    : pass.statistic(name, tensor.shape, init);
}

/** Node names such as `/main/main.0/Conv` are places as ganx writes them, but for the slash in front. */
const placeOf = ({ name, op }: ForeignNode) => name.replace(/^\/+/, '') || op;

function lowered(call: Call): readonly Operand[] {
  const { op } = call.node;
  return inNameOf(op, call.graph.scopePath, () => {
    const folded = foldedOf(call);
    if (folded) return [folded];
    const lowering = loweringOf(op);
    if (!lowering) refuse('is not among the operators that ganx imports');
    const result = lowering(call);
    return Array.isArray(result) ? (result as readonly Operand[]) : [result as Operand];
  });
}

function foldedOf(call: Call): Known | undefined {
  const { node } = call;
  // Of the second operand of CastLike only the type matters, which is known of any.
  const operands = node.op === 'CastLike' ? call.operands.slice(0, 1) : call.operands;
  if (
    !operands.length ||
    operands.some((operand) => operand && operand instanceof Value && !operand.constant)
  )
    return undefined;
  const known = operands.map((operand) => operand && knownOf(operand));
  if (known.some((operand, i) => operands[i] && !operand)) return undefined;
  return fold(node.op, known as readonly Known[], {
    int: (name, fallback) => call.int(name, fallback),
    list: (name, i) => call.list(name, i),
    get perm() {
      return call.ints('perm');
    },
    get to(): DType | undefined {
      if (node.op === 'CastLike') return call.known(1)?.dtype ?? call.value(1).dtype;
      return node.attributes.has('to') ? call.dtype('to') : undefined;
    },
  });
}
