import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { installCuda } from '../../../training/device/cuda/install.ts';
import type { InstallOptions } from '../../../training/device/cuda/install.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { library, tarGz, zip } from './archives.ts';
import type { Files, LibrarySpec } from './archives.ts';

const needed = ['libcublasLt.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6'];
const names = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'] as const;

/** Both libraries in a folder of an archive. */
const libraries = (folder: string, spec: LibrarySpec = {}): Files => ({
  [`${folder}other.so`]: Buffer.from('another'),
  [`${folder}${names[0]}`]: library({ needed, version: '1.30.0', ...spec }),
  [`${folder}${names[1]}`]: library(),
});
const wheel = (spec?: LibrarySpec) => zip(libraries('onnxruntime/capi/', spec));

/** An onnxruntime-node of version 1.30.0 without a provider. */
function home() {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'libonnxruntime.so.1'), 'its own');
  return { folder, version: '1.30.0' };
}

function written(name: string, data: Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, data);
  return path;
}

/** Answers each path with its bytes; `login` is what it must be asked with. */
async function site(files: Readonly<Record<string, Uint8Array | string>>, login?: string): Promise<string> {
  const server = createServer(({ url = '', headers }, response) => {
    const file = files[url];
    const given = Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString();
    if (login !== undefined && given !== login) response.writeHead(401).end();
    else if (file === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, { 'content-type': url.endsWith('/') ? 'text/html' : 'application/zip' })
        .end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function installs(options: InstallOptions) {
  const to = home();
  const installed = await installCuda({ ...options, home: to });
  expect(readdirSync(to.folder).sort()).toEqual(['libonnxruntime.so.1', ...names]);
  expect(readFileSync(join(to.folder, names[0]))).toEqual(library({ needed, version: '1.30.0' }));
  expect(installed).toMatchObject({ ...to, cuda: 13 });
  return installed;
}

async function refuses(options: InstallOptions, message: string | RegExp) {
  const to = home();
  await expect(installCuda({ ...options, home: to })).rejects.toThrow(message);
  // Nothing half-installed, nothing left behind.
  expect(readdirSync(to.folder)).toEqual(['libonnxruntime.so.1']);
}

describe('the CUDA provider comes', () => {
  test('from a wheel, with progress', async () => {
    const from = written('onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl', wheel());
    const seen = new Set<string>();
    const { source } = await installs({
      from,
      onProgress: ({ doing, name }) => seen.add(`${doing} ${name}`),
    });
    expect(source).toBe(from);
    expect([...seen]).toEqual(names.map((name) => `unpack ${name}`));
  });

  test('from a NuGet package and from a tar.gz', async () => {
    await installs({ from: written('gpu.nupkg', zip(libraries('runtimes/linux-x64/native/'))) });
    await installs({
      from: written('gpu.tgz', await tarGz(libraries('onnxruntime-linux-x64-gpu-1.30.0/lib/'))),
    });
  });

  test('from a folder, also one of an environment of Python', async () => {
    for (const place of ['', 'onnxruntime/capi/']) {
      const from = temporaryFolder();
      for (const [name, data] of Object.entries(libraries(place))) {
        mkdirSync(dirname(join(from, name)), { recursive: true });
        writeFileSync(join(from, name), data);
      }
      await installs({ from });
    }
  });

  test('from an address, whose login is kept out of messages', async () => {
    const url = (await site({ '/gpu.whl': wheel() }, 'me:s3cret')).replace('//', '//me:s3cret@');
    const { source } = await installs({ from: `${url}/gpu.whl` });
    expect(source).not.toContain('s3cret');
    await refuses(
      { from: `${url}/nothing.whl` },
      /^http:\/\/127.0.0.1:\d+\/nothing.whl: answers 404 Not Found$/,
    );
  });

  test('from a package index, its file checked', async () => {
    const file = 'onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl';
    const bytes = wheel();
    const page = (sha256: string) =>
      `<a href="../../files/onnxruntime_gpu-1.29.0-cp312-cp312-manylinux_2_28_x86_64.whl">onnxruntime_gpu-1.29.0-cp312-cp312-manylinux_2_28_x86_64.whl</a>
       <a href="../../files/${file}#sha256=${sha256}" data-requires-python="&gt;=3.11">${file}</a>`;
    const good = createHash('sha256').update(bytes).digest('hex');
    const files = { [`/files/${file}`]: bytes };
    const url = await site({ ...files, '/simple/onnxruntime-gpu/': page(good) });
    await installs({ indexUrl: `${url}/simple` });
    const forged = await site({ ...files, '/simple/onnxruntime-gpu/': page('0'.repeat(64)) });
    await refuses(
      { indexUrl: `${forged}/simple/` },
      /is not the file that the index lists: its SHA-256 is another$/,
    );
    const old = await site({ '/simple/onnxruntime-gpu/': page(good).split('\n')[0]! });
    await refuses(
      { indexUrl: `${old}/simple` },
      /has no onnxruntime-gpu 1\.30\.0 for Linux on x64, only 1\.29\.0$/,
    );
  });

  test('once: what is there already is left alone', async () => {
    const to = home();
    const from = written('gpu.whl', wheel());
    await installCuda({ from, home: to });
    const nowhere = { indexUrl: 'http://127.0.0.1:9/', home: to };
    expect(await installCuda(nowhere)).toEqual({ ...to, cuda: 13, source: undefined });
    // One that is damaged is not.
    writeFileSync(join(to.folder, names[0]), 'damaged');
    await expect(installCuda(nowhere)).rejects.toThrow('cannot be reached');
    await installCuda({ from, home: to });
    expect(await installCuda(nowhere)).toMatchObject({ cuda: 13 });
  });
});

describe('refused is', () => {
  const bad = (name: string, data: Uint8Array, message: string | RegExp) => {
    test(name, async () => {
      const from = written('given', data);
      await refuses({ from }, message);
      await expect(installCuda({ from, home: home() })).rejects.toThrow(from);
    });
  };
  bad('another version', wheel({ version: '1.29.0' }), /is onnxruntime 1\.29\.0; expected 1\.30\.0, as onnx/);
  bad('no version', wheel({ version: '' }), 'is onnxruntime of an unknown version; expected 1.30.0');
  bad('another architecture', wheel({ machine: 183 }), `${names[0]} is for arm64; expected one for x64`);
  bad(
    'a wheel without CUDA',
    zip({ 'onnxruntime/capi/other.so': library() }),
    /holds no lib.* and no lib.*; expected/,
  );
  bad(
    'no archive',
    Buffer.from('hello, world'),
    'is neither a folder nor a zip archive (.whl, .nupkg) nor a tar.gz',
  );
  bad('a zip that is cut short', wheel().subarray(0, -30), 'is a damaged archive (');
  bad(
    'no library',
    zip({ [names[0]]: Buffer.from('text'), [names[1]]: library() }),
    'is no 64-bit shared library of Linux',
  );
  const cut = library({ needed, version: '1.30.0' }).subarray(0, 150);
  bad(
    'a library that is cut short',
    zip({ [names[0]]: cut, [names[1]]: library() }),
    'is cut short, at 150 bytes',
  );

  test('a zip whose content is not what it was', async () => {
    const bytes = wheel();
    // The checksum in the directory at the end.
    const entry = bytes.lastIndexOf(`onnxruntime/capi/${names[0]}`) - 46;
    bytes.writeUInt32LE(1, entry + 16);
    await refuses({ from: written('given', bytes) }, `the checksum of ${names[0]} is wrong`);
  });

  test('a place that is not there, and two places', async () => {
    await refuses(
      { from: '/nowhere/gpu.whl' },
      '/nowhere/gpu.whl: cannot read: no such file or folder (ENOENT)',
    );
    await refuses(
      { from: 'ftp://me:secret@mirror/gpu.whl' },
      '--from: ftp://mirror/gpu.whl starts with ftp://; expected https:// or http://, or a file or folder of this machine',
    );
    await refuses({ from: 'x', indexUrl: 'y' }, '--from and --index-url: only one can say where');
    await refuses({ indexUrl: 'simple' }, '--index-url: "simple" is no address of a package index');
    await refuses(
      { indexUrl: 'http://127.0.0.1:9/simple' },
      /127\.0\.0\.1:9\/simple\/onnxruntime-gpu\/: cannot be reached \(/,
    );
  });

  test('a signal that comes in between', async () => {
    const stop = new AbortController();
    const from = written('given', wheel());
    await refuses(
      {
        from,
        signal: stop.signal,
        onProgress: () => {
          stop.abort();
        },
      },
      /abort/i,
    );
  });
});
