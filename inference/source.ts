import { InputError } from '../artifacts/errors.ts';
import { told } from './arguments.ts';
import type { Names } from './arguments.ts';
import { expected } from './generator-file.ts';

// Runs in browsers and in Node alike.

/** Where a model may come from, on every runtime. A string that is no web address is a path, in Node alone. */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer | Blob | Response;

export interface Progress {
  /** Received so far. */
  readonly bytes: number;
  /** Absent where the server does not say. */
  readonly total?: number;
}

export interface SourceOptions {
  /** Called while a model downloads, and once at its end. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ends a download. */
  readonly signal?: AbortSignal;
}

export const sourceOptions: Names<SourceOptions> = { onProgress: true, signal: true };

/** @throws InputError where one is not what it must be. */
export function checkSourceOptions({ onProgress, signal }: SourceOptions): void {
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw new InputError(`onProgress ${kindOf(onProgress)} must be a function`);
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InputError(`signal ${kindOf(signal)} must be an AbortSignal`);
}

/** A file in memory, and what messages call it. */
export interface ModelBytes {
  readonly bytes: Uint8Array;
  readonly source: string;
}

/** A protobuf message ends there, so more cannot be a model. */
const maxBytes = 2 ** 31;

/** @throws InputError where there are more than a model can have. */
export function checkSize(source: string, size: number): void {
  if (size >= maxBytes)
    throw new InputError(
      `${source}: ${(size / 2 ** 30).toFixed(1)} GiB is more than a model can have; ${expected}`,
    );
}

/**
 * A model from the web or from memory.
 *
 * @param name what messages call a model that has no name of its own
 * @throws InputError naming the address and what the server answered.
 */
export async function readSource(
  source: ModelSource,
  name: string,
  options: SourceOptions,
): Promise<ModelBytes> {
  if (source instanceof Uint8Array) return inMemory(source, name);
  if (source instanceof ArrayBuffer) return inMemory(new Uint8Array(source), name);
  if (source instanceof Blob) {
    const called = 'name' in source && typeof source.name === 'string' ? source.name : name;
    checkSize(called, source.size);
    return inMemory(new Uint8Array(await contentOf(source, called)), called);
  }
  if (source instanceof Response) return download(source, source.url || name, options);
  if (typeof source !== 'string' && !(source instanceof URL))
    throw new InputError(
      `${name}: ${kindOf(source)} must be a URL, a path, a Uint8Array, an ArrayBuffer, a Blob or a Response`,
    );
  return download(await request(source, options), String(source), options);
}

/** `DataView`, `null`, `5`, ... */
const kindOf = (value: unknown) =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value).slice('[object '.length, -1)
    : told(value);

/** A file may be gone since it was chosen, or be a folder. */
async function contentOf(blob: Blob, called: string): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (cause) {
    throw new InputError(`${called}: cannot be read (${reasonOf(cause)})`, { cause });
  }
}

function inMemory(given: Uint8Array, source: string): ModelBytes {
  checkSize(source, given.length);
  // onnxruntime takes no view of shared memory.
  return { bytes: given.buffer instanceof ArrayBuffer ? given : given.slice(), source };
}

async function request(url: string | URL, { signal }: SourceOptions): Promise<Response> {
  try {
    return await fetch(url, signal ? { signal } : {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw new InputError(`${String(url)}: cannot be fetched (${reasonOf(cause)})`, { cause });
  }
}

async function download(response: Response, source: string, options: SourceOptions): Promise<ModelBytes> {
  const { onProgress, signal } = options;
  if (!response.ok)
    throw new InputError(
      `${source}: the server answered ${`${response.status} ${response.statusText}`.trim()}`,
    );
  // What servers of single-page applications send for every address that they do not know.
  if (response.headers.get('content-type')?.startsWith('text/html'))
    throw new InputError(`${source}: is a web page, not a model; ${expected}`);
  // The length of a compressed body says nothing of what comes out.
  const length = response.headers.get('content-encoding') ? null : response.headers.get('content-length');
  const total = length === null ? undefined : Number(length);
  if (total !== undefined) checkSize(source, total);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const tell = () => onProgress?.({ bytes: size, ...(total !== undefined && { total }) });
  const broken = (cause: unknown) =>
    new InputError(`${source}: the download broke off after ${size} bytes (${reasonOf(cause)})`, { cause });
  for await (const chunk of chunksOf(response, signal, broken)) {
    chunks.push(chunk);
    size += chunk.length;
    checkSize(source, size);
    tell();
  }
  if (size === 0) tell();
  return { bytes: joined(chunks, size), source };
}

/** A body as it comes in. Safari's streams cannot be iterated over. */
async function* chunksOf(
  { body, bodyUsed }: Response,
  signal: AbortSignal | undefined,
  broken: (cause: unknown) => Error,
): AsyncGenerator<Uint8Array> {
  if (!body) return;
  if (bodyUsed) throw broken(new Error('the Response has been read before'));
  if (body.locked) throw broken(new Error('the Response is being read elsewhere'));
  const reader = body.getReader();
  const stop = () => {
    reader.cancel(signal?.reason).catch(() => undefined);
  };
  // Ends a read too that waits for a server which has fallen silent.
  signal?.addEventListener('abort', stop);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read().catch((cause: unknown) => {
        signal?.throwIfAborted();
        throw broken(cause);
      });
      signal?.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Node's fetch says only "fetch failed" and keeps the reason as the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message || message : message;
}
