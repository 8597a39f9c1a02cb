import { InputError } from '../artifacts/errors.ts';

// Runs in browsers too: no Node.

/** Levels of onnxruntime's graph optimiser. */
export type Optimization = 'disabled' | 'basic' | 'extended' | 'all';

/** @throws InputError where a number of threads is given and is none. */
export function checkThreads(threads: number | undefined, most: number): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= most))
    throw new InputError(`threads ${threads} must be an integer from 1 to ${most}`);
}
