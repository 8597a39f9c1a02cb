import { InputError } from '../../artifacts/errors.ts';
import type { Device } from '../engine/engine.ts';

const names = 'cpu, cuda, cuda:<index> or webgpu';

/**
 * A device by its name: `cpu`, `cuda`, `cuda:1` or `webgpu`.
 *
 * @throws InputError for anything else
 */
export function parseDevice(text: string): Device {
  const device = named(text);
  if (!device) throw new InputError(`--device: "${text}" is unknown; expected ${names}`);
  return device;
}

/**
 * What a run is asked to train on: a device, or `auto`, which is to be chosen.
 *
 * @throws InputError for anything else
 */
export function parseAsked(text: string): Device | 'auto' {
  const device = text === 'auto' ? text : named(text);
  if (!device) throw new InputError(`--device: "${text}" is unknown; expected auto, ${names}`);
  return device;
}

function named(text: string): Device | undefined {
  const [, kind, index] = /^(cpu|webgpu|cuda)(?::(\d{1,4}))?$/.exec(text) ?? [];
  if (kind === undefined || (index !== undefined && kind !== 'cuda')) return undefined;
  return { kind: kind as Device['kind'], index: Number(index ?? 0) };
}

export const deviceName = ({ kind, index }: Device): string => (kind === 'cuda' ? `cuda:${index}` : kind);
