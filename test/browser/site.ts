import { createServer } from 'node:http';
import { createReadStream, existsSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
};

const root = join(import.meta.dirname, '../..');

/** The built library and onnxruntime-web, as they lie in the package. */
export const libraryFolders = {
  '/ganx/': join(root, 'dist/'),
  '/onnxruntime-web/': join(root, 'node_modules/onnxruntime-web/dist/'),
};

const imports = {
  'ganx/inference': '/ganx/inference/browser.js',
  'onnxruntime-web/wasm': '/onnxruntime-web/ort.wasm.bundle.min.mjs',
  'onnxruntime-web/webgpu': '/onnxruntime-web/ort.webgpu.bundle.min.mjs',
};

/** A page whose scripts can import them without a bundler. The icon is given, so that no browser asks for one. */
export const libraryPage = `<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>`;

export interface Site {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export interface SiteOptions {
  /** Folders by the path that they are served under; the longest that fits is taken. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Files by path, in memory. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Sends COOP and COEP, without which a page has no threads. */
  readonly isolated?: boolean;
}

/** A server of files on a free port of this machine. */
export async function serveSite({ folders = {}, files = {}, isolated = false }: SiteOptions): Promise<Site> {
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    const path = pathname.endsWith('/') ? `${pathname}index.html` : pathname;
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
    if (isolated) {
      response.setHeader('cross-origin-opener-policy', 'same-origin');
      response.setHeader('cross-origin-embedder-policy', 'require-corp');
    }
    const content = files[path];
    if (content !== undefined) {
      response.end(content);
      return;
    }
    const prefix = prefixes.find((each) => path.startsWith(each));
    const file = prefix === undefined ? '' : join(folders[prefix]!, normalize(path.slice(prefix.length)));
    if (prefix === undefined || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('content-length', statSync(file).size);
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
