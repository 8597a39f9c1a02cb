import { deviceNamed, deviceNames } from '../../artifacts/device.ts';
import type { Device } from '../../artifacts/device.ts';
import { InputError, withoutPlace } from '../../artifacts/errors.ts';

/**
 * A device by its name: `cpu`, `cuda`, `cuda:1` or `webgpu`.
 *
 * @throws InputError for anything else
 */
export function parseDevice(text: string): Device {
  const device = deviceNamed(text);
  if (!device) throw new InputError(`--device: "${text}" is unknown; expected ${deviceNames}`);
  return device;
}

/**
 * What a run is asked to train on: a device, or `auto`, which is to be chosen.
 *
 * @throws InputError for anything else
 */
export function parseAsked(text: string): Device | 'auto' {
  const device = text === 'auto' ? text : deviceNamed(text);
  if (!device) throw new InputError(`--device: "${text}" is unknown; expected auto, ${deviceNames}`);
  return device;
}

export const deviceName = ({ kind, index }: Device): string => (kind === 'cuda' ? `cuda:${index}` : kind);

/**
 * What is said where onnxruntime makes no session on a device. Nothing else is a device's fault: an error of what is
 * done with a session may be ours.
 *
 * @param cause what onnxruntime says
 */
export const doesNotWork = (device: Device, cause: unknown): InputError =>
  new InputError(
    `--device: ${deviceName(device)} does not work here (${withoutPlace((cause as Error).message)}); "ganx doctor" tells what is missing`,
    { cause },
  );
