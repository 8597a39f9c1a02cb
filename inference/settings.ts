import { checkChoice, checkInteger } from './arguments.ts';

// Runs in browsers too: no Node.

const optimizations = ['disabled', 'basic', 'extended', 'all'] as const;

/** Levels of onnxruntime's graph optimiser. */
export type Optimization = (typeof optimizations)[number];

/** @throws InputError where it is none. */
export function checkOptimization(optimization: Optimization): void {
  checkChoice('optimization', optimization, optimizations);
}

/** @throws InputError where a number of threads is given and is none. */
export function checkThreads(threads: number | undefined, most: number): void {
  if (threads !== undefined) checkInteger('threads', threads, 1, most);
}
