import { InputError } from '../artifacts/errors.ts';
import type { Device } from './engine/engine.ts';

/**
 * `cpu`, `cuda`, `cuda:1`, `webgpu` or `auto`.
 *
 * @throws InputError for anything else
 */
export function parseDevice(text: string): Device {
  if (text === 'auto') return { kind: 'cpu', index: 0 };
  const match = /^(cpu|webgpu|cuda)(?::(\d+))?$/.exec(text);
  if (!match || (match[2] !== undefined && match[1] !== 'cuda'))
    throw new InputError(`--device: "${text}" is unknown; expected auto, cpu, cuda, cuda:<index> or webgpu`);
  return { kind: match[1] as Device['kind'], index: Number(match[2] ?? 0) };
}

export const deviceName = ({ kind, index }: Device): string => (kind === 'cuda' ? `cuda:${index}` : kind);
