import type { Device } from '../artifacts/device.ts';
import { InputError } from '../artifacts/errors.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import type { Choice } from './device/choose.ts';
import { deviceName } from './device/device.ts';
import type { TrainingModels } from './models.ts';

/** What one should know of a run in mixed precision in which nothing is computed in halves. */
export function precisionNotes(
  { precision }: Recipe,
  device: Device,
  { inHalves }: Pick<TrainingModels, 'inHalves'>,
): string[] {
  if (precision === 'float32' || inHalves) return [];
  const why =
    device.kind === 'cuda'
      ? 'none of its tensors is so large that float16 would be faster'
      : `float16 is for CUDA, not for ${deviceName(device)}`;
  return [`precision=mixed changes nothing here: ${why}`];
}

/** @throws InputError where layers would be computed in float16 on a device that cannot */
export function refuseHalves(
  { device, halvesProblem }: Choice,
  { inHalves }: Pick<TrainingModels, 'inHalves'>,
): void {
  if (inHalves && halvesProblem !== undefined)
    throw new InputError(
      `precision=mixed does not work on ${deviceName(device)} here: ${halvesProblem}; train on another device, or a new run with precision=float32`,
    );
}
