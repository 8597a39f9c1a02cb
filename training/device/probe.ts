import { fileURLToPath } from 'node:url';
import type { Device } from '../../artifacts/device.ts';
import { withoutPlace } from '../../artifacts/errors.ts';
import { failed, runProgram } from './run-program.ts';
import type { Answer } from './run-program.ts';

/** How long the same products of matrices took on a device and on the CPU with all its cores. */
export interface Measured {
  /** Side of the matrices; 0 where nothing was measured. */
  readonly size: number;
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  /** What is wrong with float16 on CUDA; absent where nothing is, and where it is not used. */
  readonly halvesProblem?: string;
}

export type Probed =
  | ({ readonly works: true } & Measured)
  | {
      readonly works: false;
      /** In the words of onnxruntime, CUDA or the system. */
      readonly reason: string;
    };

/** Whether a device really computes, and how fast: tried in a process of its own, because one that is broken may crash it. */
export async function probe({ kind, index }: Device, signal?: AbortSignal): Promise<Probed> {
  const program = fileURLToPath(new URL('probe-program.js', import.meta.url));
  return probedOf(await runProgram(process.execPath, [program, kind, String(index)], { signal }), kind);
}

/** What an answer of the program says of a device. */
export function probedOf({ output, errors, problem }: Answer, kind: Device['kind']): Probed {
  const lines = output.split('\n').filter((line) => line !== '');
  const [measured, withHalves] = lines.map((line) => JSON.parse(line) as Measured);
  if (problem === undefined) return { works: true, ...(withHalves ?? measured!) };
  const reason = problem === failed ? reasonOf(errors) : problem;
  // It had told what it measured, and ended in what comes after.
  if (kind === 'cuda' && measured && !withHalves) return { works: true, ...measured, halvesProblem: reason };
  return { works: false, reason };
}

/**
 * CUDA's own words, or the system's about a library that does not load, which onnxruntime only logs; otherwise the last
 * line.
 */
export function reasonOf(errors: string): string {
  const cuda = /CUDA failure \d+: ([^;]+?) ;/.exec(errors)?.[1];
  if (cuda !== undefined) return cuda;
  const library = /with error: (?:\S*\/)?(.+)/.exec(errors)?.[1];
  if (library !== undefined) return library.trim();
  const lines = errors.split('\n').filter((line) => line.trim() !== '');
  return withoutPlace(lines.at(-1) ?? 'no reason given');
}
