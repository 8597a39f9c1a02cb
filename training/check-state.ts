import { InputError } from '../artifacts/errors.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { formatType } from '../graph-builder/shape.ts';
import type { Tensor } from '../graph-builder/types.ts';

/**
 * @param source what messages call the state: the folder of its checkpoint
 * @throws InputError where a tensor that the program keeps is missing or of another type
 */
export function checkState(
  program: TrainingProgram,
  tensors: ReadonlyMap<string, Tensor>,
  source: string,
): void {
  for (const { name, shape, dtype } of program.state) {
    const found = tensors.get(name);
    const [is, expected] = [found && formatType(found), formatType({ dtype, shape })];
    if (is !== expected)
      throw new InputError(`${source}: tensor ${name} is ${is ?? 'missing'}, expected ${expected}`);
  }
}
