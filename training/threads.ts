import type { TrainingProgram } from '../graph-builder/program.ts';
import { sizeOf } from '../graph-builder/shape.ts';

/** Elements of a tensor from which threads gain more by sharing an operator than they lose by waiting for each other. */
const worthSharing = 2 ** 16;

/** How many of the threads a program is trained on: one where all its tensors are small, which is faster. */
export function usefulThreads(program: TrainingProgram, threads: number): number {
  const sizes = program.stepGraph().nodes.flatMap(({ outputs }) => outputs.map(({ shape }) => sizeOf(shape)));
  return sizes.some((size) => size >= worthSharing) ? threads : 1;
}
