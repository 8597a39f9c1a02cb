import { refuse } from '../../../graph-builder/errors.ts';
import type { Value } from '../../../graph-builder/graph.ts';
import * as ops from '../../../graph-builder/ops/index.ts';
import { fixed } from '../../../graph-builder/shape.ts';
import type { Dim } from '../../../graph-builder/types.ts';
import type { Lowerings } from '../call.ts';

/** A tensor whose axes have letters. */
interface Lettered {
  readonly value: Value;
  readonly letters: readonly string[];
}

/** The same tensor without the axes that nothing else has: they are summed. */
function summed({ value, letters }: Lettered, kept: ReadonlySet<string>): Lettered {
  const gone = letters.flatMap((letter, i) => (kept.has(letter) ? [] : [i]));
  return gone.length
    ? { value: ops.reduceSum(value, gone), letters: letters.filter((letter) => kept.has(letter)) }
    : { value, letters };
}

/** Axes in the order of `letters`. */
function ordered({ value, letters }: Lettered, wanted: readonly string[]): Value {
  const perm = wanted.map((letter) => letters.indexOf(letter));
  return perm.every((axis, i) => axis === i) ? value : ops.transpose(value, perm);
}

const size = (dims: readonly Dim[]) => dims.reduce<number>((n, dim) => n * fixed(dim), 1);

/**
 * Two tensors as a matrix product: letters of both that stay are axes of the batch, those of both that go are
 * contracted, those of one are rows or columns. A batch of open extent stays an axis of its own on either side.
 */
function product(a: Lettered, b: Lettered, output: readonly string[]): Lettered {
  const extent = new Map<string, Dim>();
  for (const { value, letters } of [a, b])
    letters.forEach((letter, i) => extent.set(letter, value.shape[i]!));
  const isOpen = (letter: string) => typeof extent.get(letter) === 'string';
  const [left, right] = [
    summed(a, new Set([...b.letters, ...output])),
    summed(b, new Set([...a.letters, ...output])),
  ];
  const inBoth = (letter: string) => left.letters.includes(letter) && right.letters.includes(letter);
  const batch = output.filter((letter) => inBoth(letter) || isOpen(letter));
  const contracted = left.letters.filter((letter) => inBoth(letter) && !output.includes(letter));
  const free = (letters: readonly string[]) =>
    letters.filter((letter) => !batch.includes(letter) && !contracted.includes(letter));
  const [rows, columns] = [free(left.letters), free(right.letters)];
  const dims = (letters: readonly string[]) => letters.map((letter) => extent.get(letter)!);

  const matrix = (side: Lettered, first: readonly string[], second: readonly string[]) => {
    const own = batch.filter((letter) => side.letters.includes(letter));
    const shape = batch.map((letter) => (side.letters.includes(letter) ? extent.get(letter)! : 1));
    const value = ordered(side, [...own, ...first, ...second]);
    return ops.reshape(value, [...shape, size(dims(first)), size(dims(second))]);
  };
  const y = ops.matmul(matrix(left, rows, contracted), matrix(right, contracted, columns));
  const letters = [...batch, ...rows, ...columns];
  return { value: ops.reshape(y, dims(letters)), letters };
}

export const einsums: Lowerings = {
  Einsum: (call) => {
    const equation = call.text('equation', '').replaceAll(' ', '');
    const [inputs = '', result] = equation.split('->');
    if (result === undefined || equation.includes('.'))
      refuse(`equation ${equation} must name its output, and no "..."`);
    const output = result.split('');
    const terms = inputs.split(',').map((text, i): Lettered => {
      const letters = text.split('');
      if (new Set(letters).size !== letters.length || letters.length !== call.value(i).rank)
        refuse(`equation ${equation} must give every axis of input ${i} a letter of its own`);
      return { value: call.value(i), letters };
    });
    const [first, second, ...more] = terms;
    if (more.length) refuse(`equation ${equation} must have one or two inputs`);
    const joined = second ? product(first!, second, output) : summed(first!, new Set(output));
    return ordered(joined, output);
  },
};
