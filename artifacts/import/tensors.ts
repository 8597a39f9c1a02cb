import type { Tensor } from '../../graph-builder/types.ts';
import type { ForeignModel } from './foreign-model.ts';
import { isSpectralVector, spectralNorms } from './spectral-norm.ts';

/** What an initializer is to training. */
export type Role = 'parameter' | 'statistic' | 'constant';

export interface NamedTensor {
  readonly tensor: Tensor;
  readonly role: Role;
  /** Why it is not trained, where that needs a word. */
  readonly why?: string;
  /** Whether its name is that of the program that made it, not one that the exporter made up. */
  readonly isNamed: boolean;
}

/** Inputs of operators that take weights: what stands there is one, however the exporter called it. */
const weightInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [1, 2],
  MatMul: [0, 1],
};

/** Inputs of operators that say how to compute: never weights, whatever their names. */
const settingInputs: Readonly<Record<string, readonly number[]>> = {
  Clip: [1, 2],
  Dropout: [1],
  Pad: [2],
  Resize: [1, 2],
  Upsample: [1],
};

/** PyTorch would take the mean over all batches so far, which ONNX cannot say. */
const unmovedStatistic =
  'not updated: the norm has momentum 1 in the file, as PyTorch writes momentum=None; give it a number';

/** Names that exporters make up for what has none in the program: `onnx::Conv_16`, `val_19`, `/layer/Constant_output_0`. */
export const isMadeUp = (name: string): boolean => madeUp.some((pattern) => pattern.test(name));
const madeUp = [
  /::|^\/|_output_\d+$|^\d+$|^_?val_\d+$/,
  /^(scalar|_?constant|const|ones|zeros|full|expand|arange)\w*$/i,
  // Names of steps of the program that give a tensor on as it is.
  /^(clone|detach|alias|contiguous|to)(_\d+)?$/,
];

/**
 * The named tensors of a model. Exporters store equal tensors once and give the others as Identity of it; each is a
 * tensor of its own again, or training one would train the other.
 *
 * @param freeze patterns of names that are not trained, with `*` for any text
 */
export function namedTensors(
  { initializers, nodes }: ForeignModel,
  freeze: readonly string[] = [],
): Map<string, NamedTensor> {
  const tensors = new Map(initializers);
  for (const { op, inputs, outputs } of nodes) {
    const same = op === 'Identity' && !isMadeUp(outputs[0]!) ? tensors.get(inputs[0]!) : undefined;
    if (same) tensors.set(outputs[0]!, same);
  }
  const read = new Set(nodes.flatMap(({ inputs, outputs }) => (tensors.has(outputs[0]!) ? [] : inputs)));
  const norms = nodes.filter(({ op }) => op === 'BatchNormalization');
  const statistics = new Set([
    ...norms.flatMap(({ inputs }) => inputs.slice(3, 5)),
    ...spectralNorms(nodes, tensors).flatMap(({ u, v }) => [u, v]),
  ]);
  const unmoved = new Set(
    norms.flatMap(({ inputs, attributes }) => (attributes.get('momentum') === 1 ? inputs.slice(3, 5) : [])),
  );
  const readAs = (table: Readonly<Record<string, readonly number[]>>) =>
    new Set(nodes.flatMap(({ op, inputs }) => (table[op] ?? []).flatMap((i) => inputs[i] ?? [])));
  const [weights, settings] = [readAs(weightInputs), readAs(settingInputs)];
  const frozen = freeze.map(expressionOf);
  const isFrozen = (name: string) => frozen.some((pattern) => pattern.test(name));
  const roleOf = (name: string, { dtype }: Tensor): Pick<NamedTensor, 'role' | 'why'> => {
    if (isFrozen(name)) return { role: 'constant', why: 'frozen' };
    if (unmoved.has(name)) return { role: 'statistic', why: unmovedStatistic };
    if (statistics.has(name)) return { role: 'statistic' };
    if (dtype !== 'float32') return { role: 'constant', why: `is ${dtype}` };
    if (isSpectralVector(name, tensors))
      return {
        role: 'constant',
        why: 'a vector of a spectral norm in a form that ganx does not know, which stays as it is',
      };
    if (settings.has(name)) return { role: 'constant', why: 'a setting of its operator' };
    if (weights.has(name) || !isMadeUp(name)) return { role: 'parameter' };
    return { role: 'constant', why: 'a constant of the exporter' };
  };
  return new Map(
    [...tensors]
      .filter(([name]) => read.has(name))
      .map(([name, tensor]) => [
        name,
        { tensor, isNamed: !isMadeUp(name) && tensor.dtype === 'float32', ...roleOf(name, tensor) },
      ]),
  );
}

/**
 * A weight that the exporter has folded into a tensor of its own, beside the one that it was made of: the two would part
 * in training.
 */
export function foldedCopy(
  tensors: ReadonlyMap<string, NamedTensor>,
): readonly [copy: string, original: string] | undefined {
  // Tensors of one number throughout are equal by chance: zeros that begin as such.
  const matrices = [...tensors].filter(
    ([, { tensor }]) =>
      tensor.dtype === 'float32' &&
      tensor.shape.length >= 2 &&
      new Set<unknown>(tensor.data as Float32Array).size > 1,
  );
  const originals = matrices.filter(([name, { role }]) => role === 'parameter' && !isMadeUp(name));
  for (const [copy, { tensor }] of matrices.filter(([name]) => isMadeUp(name)))
    for (const [original, named] of originals)
      if (isSameMatrix(tensor, named.tensor)) return [copy, original];
  return undefined;
}

/** Whether two weights hold the same elements: in order, or as a matrix and its transposed. */
function isSameMatrix(copy: Tensor, original: Tensor): boolean {
  const [a, b] = [copy.data as Float32Array, original.data as Float32Array];
  if (a.length !== b.length) return false;
  const columns = copy.shape.at(-1)!;
  const rows = a.length / columns;
  const isInOrder = a.every((x, i) => x === b[i]);
  return isInOrder || a.every((x, i) => x === b[(i % columns) * rows + Math.floor(i / columns)]);
}

/** The first pattern that fits none of the names. */
export const unmatchedPattern = (patterns: readonly string[], names: readonly string[]): string | undefined =>
  patterns.find((pattern) => !names.some((name) => expressionOf(pattern).test(name)));

function expressionOf(pattern: string): RegExp {
  const escaped = pattern.split('*').map((text) => text.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}
