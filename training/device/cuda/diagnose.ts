import { probe } from '../probe.ts';
import type { Measured } from '../probe.ts';
import { cudaFacts } from './facts.ts';
import type { CudaFacts } from './facts.ts';
import { cudnnLibrary } from './libraries.ts';
import { cudaProblems, refusedByCuda } from './problems.ts';
import type { Problem } from './problems.ts';

export type CudaDiagnosis =
  | ({ readonly works: true } & Measured)
  | {
      readonly works: false;
      /** At least one, the most telling first. */
      readonly problems: readonly Problem[];
      /** Whether a GPU of NVIDIA is there to be used once the rest is. */
      readonly hasDriver: boolean;
    };

/**
 * Whether CUDA computes on a GPU, and otherwise all that is in the way. Takes milliseconds where files are missing;
 * where all are there, the provider itself has the last word.
 */
export async function diagnoseCuda(index: number, signal?: AbortSignal): Promise<CudaDiagnosis> {
  const facts = await cudaFacts(signal);
  const tried = canBeTried(facts) ? await probe({ kind: 'cuda', index }, signal) : undefined;
  if (tried?.works) return tried;
  const problems = cudaProblems(facts);
  if (tried) {
    const refused = refusedByCuda(tried.reason);
    problems.push(problems.length ? { ...refused, mend: [] } : refused);
  }
  return { works: false, problems, hasDriver: facts.driver !== undefined };
}

/** Without one of these onnxruntime fails for certain. What else looks wrong may still work. */
function canBeTried({ impossible, damaged, provider, libraries }: CudaFacts): boolean {
  if (impossible !== undefined || damaged !== undefined || !provider) return false;
  return ![...libraries].some(([name, answer]) => answer !== null && name !== cudnnLibrary);
}
