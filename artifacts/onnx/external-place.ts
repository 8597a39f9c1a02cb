import type { onnx as types } from 'onnx-proto';
import { InputError } from '../errors.ts';

// Runs in browsers too: no Node.

/** Files beside a model, by the name that the model calls them. */
export type ExternalFiles = ReadonlyMap<string, Uint8Array>;

/** Where an initializer that lies outside the model is kept; undefined for one that lies inside. */
export function externalPlace(
  { name, dataLocation, externalData }: types.ITensorProto,
  source: string,
): { location: string; offset: number; length: number | undefined } | undefined {
  if (Number(dataLocation) !== 1 && !externalData?.length) return undefined;
  const entries = new Map((externalData ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
  const where = `${source}: initializer "${name ?? ''}"`;
  const location = entries.get('location') ?? '';
  if (location === '') throw new InputError(`${where} is kept outside of the model, and no file is named`);
  if (/^([\\/]|[a-zA-Z]:)/.test(location) || location.split(/[\\/]/).includes('..'))
    throw new InputError(`${where} is kept in ${location}, which must lie in the folder of the model`);
  const number = (key: string) => (entries.has(key) ? Number(entries.get(key)) : undefined);
  const [offset = 0, length] = [number('offset'), number('length')];
  if (![offset, length ?? 0].every((n) => Number.isSafeInteger(n) && n >= 0))
    throw new InputError(`${where} has offset ${entries.get('offset')} and length ${entries.get('length')}`);
  return { location, offset, length };
}
