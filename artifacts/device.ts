/** Where a model runs. */
export interface Device {
  readonly kind: 'cpu' | 'cuda' | 'webgpu';
  readonly index: number;
}

/** What a device can be called, for messages. */
export const deviceNames = 'cpu, cuda, cuda:<index> or webgpu';

/** A device by its name: `cpu`, `cuda`, `cuda:1` or `webgpu`; undefined for anything else. */
export function deviceNamed(text: string): Device | undefined {
  const [, kind, index] = /^(cpu|webgpu|cuda)(?::(\d{1,4}))?$/.exec(text) ?? [];
  if (kind === undefined || (index !== undefined && kind !== 'cuda')) return undefined;
  return { kind: kind as Device['kind'], index: Number(index ?? 0) };
}
