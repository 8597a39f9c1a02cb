import { InputError } from './errors.ts';

/** What the header says of a tensor; offsets count from the start of the data. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begins in the file. */
  readonly dataStart: number;
}

/** The format's own limit, against a length field that asks for all the memory. */
const longestHeader = 100_000_000;

/** Reads length, JSON and entries of a safetensors file; throws InputError with the fault. */
export function readHeader(bytes: Uint8Array, source: string): Header {
  const refuse = (problem: string, cause?: unknown): never => {
    throw new InputError(`${source}: not a safetensors file (${problem})`, { cause });
  };
  if (bytes.length < 8) refuse(`${bytes.length} bytes; the header length alone takes 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length < 2n) refuse(`header length ${length} is too small to hold {}`);
  if (length > longestHeader) refuse(`header length ${length} is over the limit of ${longestHeader}`);
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length)
    refuse(`header length ${length} does not fit a file of ${bytes.length} bytes; the file is cut short`);

  const text = decodeUtf8(bytes.subarray(8, dataStart)) ?? refuse('its header is not UTF-8');
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (error) {
    refuse(`its header is not JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}`, error);
  }
  if (!isObject(header)) return refuse('its header is not a JSON object');
  const duplicate = firstDuplicate(topLevelKeys(text));
  if (duplicate !== undefined) refuse(`its header names "${duplicate}" twice`);

  const { __metadata__: metadata = {}, ...tensors } = header;
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string'))
    return refuse('its __metadata__ must map strings to strings');
  const entries = Object.entries(tensors).map(
    ([name, value]) => entryOf(name, value) ?? refuse(`tensor "${name}" needs dtype, shape and data_offsets`),
  );
  return { entries, metadata: metadata as Record<string, string>, dataStart };
}

function entryOf(name: string, value: unknown): HeaderEntry | undefined {
  if (!isObject(value)) return undefined;
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets)) return undefined;
  const [start, end] = offsets;
  if (offsets.length !== 2 || start! > end!) return undefined;
  return { name, dtype, shape, start: start!, end: end! };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Keys of the outermost object of valid JSON, repeats included: JSON.parse would keep only the last of them. */
function topLevelKeys(json: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [token, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (depth === 1 && colon !== undefined)
      keys.push(JSON.parse(token.slice(0, token.length - colon.length)) as string);
  }
  return keys;
}

function firstDuplicate(keys: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return keys.find((key) => seen.size === seen.add(key).size);
}
