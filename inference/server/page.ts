import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** What onnxruntime-web loads by itself, on wasm and on WebGPU. */
export const runtimeFiles: readonly string[] = [
  'ort-wasm-simd-threaded',
  'ort-wasm-simd-threaded.asyncify',
].flatMap((name) => [`${name}.mjs`, `${name}.wasm`]);

/** The folder of onnxruntime-web with these files. */
export const runtimeFolder = (): string =>
  dirname(createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm'));

/** Of the page and all that it loads. Threads of wasm take a page that is isolated from others. */
const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'content-security-policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval' blob:",
    "worker-src 'self' blob:",
    "img-src 'self' data: blob:",
    "frame-ancestors 'none'",
  ].join('; '),
};

export interface Page {
  /** Folder of the built playground. */
  readonly folder: string;
  readonly generator: Uint8Array;
}

/** Adds the playground at `/`, and what it needs: onnxruntime-web at `/ort/`, the model at `/generator.onnx`. */
export async function addPage(app: FastifyInstance, { folder, generator }: Page): Promise<void> {
  const setHeaders = (reply: FastifyReply) => {
    void reply.headers(headers);
  };
  // A route for each file, so that other methods are refused as on any other route.
  await app.register(fastifyStatic, { root: folder, wildcard: false, setHeaders });
  await app.register(fastifyStatic, {
    root: runtimeFolder(),
    prefix: '/ort/',
    allowedPath: (path) => runtimeFiles.includes(path.replace(/^\//, '')),
    decorateReply: false,
    maxAge: '1d',
    setHeaders,
  });
  const etag = `"${createHash('sha256').update(generator).digest('base64url')}"`;
  app.get(
    '/generator.onnx',
    { schema: { summary: 'The model itself, for the playground.' } },
    (request, reply) => {
      void reply.headers({ ...headers, etag, 'cache-control': 'no-cache' }).type('application/octet-stream');
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.send(Buffer.from(generator.buffer, generator.byteOffset, generator.byteLength));
    },
  );
}
