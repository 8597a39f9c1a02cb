import { InputError } from '../artifacts/errors.ts';
import { checkInteger } from './arguments.ts';
import { maxSamples } from './generator.ts';

// Runs in browsers too: no Node.

/** Most elements of one call's result: 4 GiB of float32. */
export const maxElements = 2 ** 30;

/** Elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** @throws InputError where `n` is no integer from `least` to the most that a call may give. */
export function checkCount(name: string, n: number, least: number, shape: readonly number[]): void {
  checkInteger(name, n, least, maxSamples);
  const size = sizeOf(shape);
  if (n * size > maxElements)
    throw new InputError(
      `${name} ${n} samples of [${shape.join(', ')}] are more than 4 GiB; ask for at most ${Math.floor(maxElements / size)} at a time`,
    );
}
