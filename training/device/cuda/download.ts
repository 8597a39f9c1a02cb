import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InputError } from '../../../artifacts/errors.ts';
import { errorCode, systemCause } from '../../../artifacts/files.ts';
import type { OnBytes } from './archive.ts';

export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);

/** An address without the name and password that it may carry: fit for messages. */
export function shown(address: string): string {
  const url = new URL(address);
  url.username = url.password = '';
  return url.href;
}

/**
 * Asks an address; a name and password in it are sent as pip sends them.
 *
 * @throws InputError where it cannot be reached or answers with an error
 */
export async function ask(
  address: string,
  headers: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Response> {
  if (!URL.canParse(address)) throw new InputError(`${address}: is no address; expected https://...`);
  const url = new URL(address);
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const authorization =
    login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
  let response: Response;
  try {
    response = await fetch(shown(address), {
      headers: { ...headers, ...authorization },
      signal: signal ?? null,
    });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new InputError(`${shown(address)}: cannot be reached (${reasonOf(cause)})`, { cause });
  }
  if (!response.ok)
    throw new InputError(
      `${shown(address)}: answers ${response.status}${response.statusText ? ` ${response.statusText}` : ''}`,
    );
  return response;
}

export interface Download {
  readonly address: string;
  readonly path: string;
  /** Known for the files of an index. */
  readonly sha256?: string | undefined;
  /** Called with the size, where the server tells it, before anything is written. */
  readonly reserve: (bytes: number) => Promise<void>;
  readonly onBytes: OnBytes;
  readonly signal: AbortSignal | undefined;
}

/** @throws InputError where the address answers with an error, breaks off, or sends another file than the index has */
export async function download({ address, path, sha256, reserve, onBytes, signal }: Download): Promise<void> {
  const response = await ask(address, {}, signal);
  const total = Number(response.headers.get('content-length') ?? 0);
  await reserve(total);
  const name = new URL(address).pathname.split('/').at(-1)!;
  const hash = createHash('sha256');
  let done = 0;
  const count = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      onBytes(name, (done += chunk.length), total);
      yield chunk;
    }
  };
  try {
    const body = response.body as Parameters<typeof Readable.fromWeb>[0] | null;
    await pipeline(body ? Readable.fromWeb(body) : Readable.from([]), count, createWriteStream(path), {
      signal,
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const words = systemCause(cause);
    throw new InputError(
      errorCode(cause) === 'ENOSPC'
        ? `${path}: cannot write: ${words!}`
        : `${shown(address)}: breaks off after ${Math.round(done / 1e6)} MB (${reasonOf(cause)})`,
      { cause },
    );
  }
  if (sha256 !== undefined && hash.digest('hex') !== sha256)
    throw new InputError(`${shown(address)}: is not the file that the index lists: its SHA-256 is another`);
}

/** What fetch wraps: a code such as ENOTFOUND, or words. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const inner = cause ?? error;
  return errorCode(inner) ?? (inner as Error).message;
}
