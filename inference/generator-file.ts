import { InputError } from '../artifacts/errors.ts';
import { decodeMetadata } from '../artifacts/metadata.ts';
import type { GeneratorMetadata } from '../artifacts/metadata.ts';
import { readModelSummary } from '../artifacts/onnx/summary.ts';
import type { ModelBytes } from './source.ts';

// Runs in browsers too: no Node.

/** Ends the message about a file that is something else. */
export const expected = 'expected the generator.onnx of a ganx run';

/**
 * The metadata of a generator.
 *
 * @throws InputError naming the file, what it is instead and what was expected.
 */
export function readGenerator({ bytes, source }: ModelBytes): GeneratorMetadata {
  try {
    return decodeMetadata(readModelSummary(bytes, source), source);
  } catch (error) {
    throw withExpected(error);
  }
}

export const withExpected = (error: unknown): unknown =>
  error instanceof InputError ? new InputError(`${error.message}; ${expected}`, { cause: error }) : error;
