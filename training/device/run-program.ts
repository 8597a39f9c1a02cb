import { execFile } from 'node:child_process';

/** How a program ended. */
export interface Answer {
  readonly output: string;
  readonly errors: string;
  /** Why there is no answer: `it failed`, `it crashed (SIGSEGV)`; undefined where there is one. */
  readonly problem: string | undefined;
}

/** Of a program that ended by itself: its errors say why. */
export const failed = 'it failed';

/** The first use of a GPU compiles shaders or kernels. */
const defaultPatience = 60_000;

interface Options {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds to wait for an answer. */
  readonly patience?: number;
}

/**
 * Runs a program to its end; rejects only where `signal` ends it.
 *
 * @throws the signal's reason
 */
export function runProgram(
  program: string,
  args: readonly string[],
  { signal, patience = defaultPatience }: Options = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: patience, signal }, (error, output, errors) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else if (!error) resolve({ output, errors, problem: undefined });
      else if (error.killed) resolve({ output, errors, problem: `no answer within ${patience / 1000} s` });
      else if (error.signal) resolve({ output, errors, problem: `it crashed (${error.signal})` });
      else resolve({ output, errors, problem: failed });
    });
  });
}
