import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { Generator } from '../../inference/node.ts';
import type { ModelSource, Progress } from '../../inference/node.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { encoderModel, encoderRecipe, generatorModel, grey } from './generators.ts';

const model = Uint8Array.from(generatorModel(encoderRecipe, grey));

/** What a server may send instead of a model. */
const server = createServer((request, response) => {
  switch (request.url) {
    case '/generator.onnx':
      response.setHeader('content-length', model.length).end(model);
      break;
    case '/chunked.onnx':
      response.write(model.subarray(0, 1000));
      response.end(model.subarray(1000));
      break;
    case '/page.onnx':
      response.setHeader('content-type', 'text/html; charset=utf-8').end('<!doctype html>');
      break;
    case '/huge.onnx':
      response.setHeader('content-length', 2 ** 31).write('x');
      break;
    case '/silent.onnx':
      response.write(model.subarray(0, 1000));
      break;
    case '/cut.onnx':
      response.setHeader('content-length', model.length).write(model.subarray(0, 1000), () => {
        response.destroy();
      });
      break;
    default:
      response.writeHead(404).end();
  }
});
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

async function drawn(source: ModelSource, encoder?: ModelSource): Promise<Float32Array> {
  const generator = await Generator.load(source, { threads: 1, ...(encoder && { encoder }) });
  try {
    return (await generator.sample(2, { seed: 3 })).data;
  } finally {
    await generator.dispose();
  }
}

function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

test('a model comes from anywhere and is the same', async () => {
  const path = join(temporaryFolder(), 'some.onnx');
  writeFileSync(path, model);
  const expected = await drawn(path);
  const sources: ModelSource[] = [
    pathToFileURL(path),
    pathToFileURL(path).href,
    URL.createObjectURL(new Blob([model])),
    model,
    model.buffer,
    sharedCopy(model),
    new Blob([model]),
    new File([model], 'mine.onnx'),
    new Response(model),
    `${url}/generator.onnx`,
    new URL(`${url}/chunked.onnx`),
    `data:application/octet-stream;base64,${Buffer.from(model).toString('base64')}`,
  ];
  for (const source of sources) expect(await drawn(source)).toEqual(expected);
});

test('a download tells its progress, with the total where the server does', async () => {
  const progressOf = async (path: string) => {
    const seen: Progress[] = [];
    const generator = await Generator.load(url + path, { onProgress: (progress) => seen.push(progress) });
    await generator.dispose();
    return seen;
  };
  const known = await progressOf('/generator.onnx');
  expect(known.at(-1)).toEqual({ bytes: model.length, total: model.length });
  expect(known.every(({ bytes }, i) => bytes > (known[i - 1]?.bytes ?? 0))).toBe(true);
  expect((await progressOf('/chunked.onnx')).at(-1)).toEqual({ bytes: model.length });
});

const expected = 'expected the generator.onnx of a ganx run';

describe('what cannot be had is refused by its address', () => {
  test.each<[string, string | RegExp]>([
    ['/missing.onnx', ': the server answered 404 Not Found'],
    ['/page.onnx', `: is a web page, not a model; ${expected}`],
    ['/huge.onnx', `: 2.0 GiB is more than a model can have; ${expected}`],
    ['/cut.onnx', /: the download broke off after 1000 bytes \(.+\)$/],
  ])('%s', async (path, message) => {
    const error: unknown = await Generator.load(url + path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    if (typeof message === 'string') expect((error as Error).message).toBe(url + path + message);
    else expect((error as Error).message).toMatch(message);
  });

  test('a server that is not there, a signal, and a source that is none', async () => {
    await expect(Generator.load('http://127.0.0.1:1/x.onnx')).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1\/x\.onnx: cannot be fetched \(.+\)$/,
    );
    const reason = new Error('enough');
    await expect(Generator.load(`${url}/generator.onnx`, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const rule = 'must be a URL, a path, a Uint8Array, an ArrayBuffer, a Blob or a Response';
    for (const [source, told] of [
      [5, '5'],
      [null, 'null'],
      [new DataView(new ArrayBuffer(4)), 'DataView'],
    ] as const)
      await expect(Generator.load(source as never)).rejects.toThrow(
        new InputError(`generator: ${told} ${rule}`),
      );
  });

  test('a signal ends a download that has fallen silent, of an address and of a Response', async () => {
    const silent = `${url}/silent.onnx`;
    for (const source of [silent, await fetch(silent)]) {
      const [stop, reason] = [new AbortController(), new Error('enough')];
      const onProgress = () => {
        setTimeout(() => {
          stop.abort(reason);
        }, 50);
      };
      await expect(Generator.load(source, { signal: stop.signal, onProgress })).rejects.toBe(reason);
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    }
    // A source of its own that takes its time over the end too.
    const stuck = new Response(new ReadableStream({ cancel: () => new Promise(() => undefined) }));
    await expect(Generator.load(stuck, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout');
  });

  test('what is no path, and a Response that has been read', async () => {
    await expect(Generator.load('')).rejects.toThrow(
      new InputError('"": cannot read: no such file or folder (ENOENT)'),
    );
    await expect(Generator.load('a\0b')).rejects.toThrow(
      new InputError(`generator: "a\\u0000b" is no path; ${expected}`),
    );
    await expect(Generator.load(new URL('file://elsewhere/a.onnx'))).rejects.toThrow(
      /^file:\/\/elsewhere\/a\.onnx: is no path of this machine \(.+\)$/,
    );
    const response = new Response(model);
    await response.arrayBuffer();
    await expect(Generator.load(response)).rejects.toThrow(
      new InputError('generator: the download broke off after 0 bytes (the Response has been read before)'),
    );
    const taken = new Response(model);
    taken.body!.getReader();
    await expect(Generator.load(taken)).rejects.toThrow(
      new InputError(
        'generator: the download broke off after 0 bytes (the Response is being read elsewhere)',
      ),
    );
  });

  test('a fault of onProgress is its own, not one of the download', async () => {
    const fault = new Error('mine');
    const onProgress = () => {
      throw fault;
    };
    await expect(Generator.load(`${url}/generator.onnx`, { onProgress })).rejects.toBe(fault);
  });

  test('a file without a name of its own bears that of its kind', async () => {
    await expect(drawn(new File(['text'], 'notes.txt'))).rejects.toThrow(/^notes\.txt: not an ONNX model/);
    await expect(drawn(model, new Blob([model]))).rejects.toThrow(
      new InputError('encoder: not a ganx encoder; expected the encoder.onnx of a ganx run'),
    );
  });
});

test('an encoder from memory reconstructs', async () => {
  const generator = await Generator.load(model, {
    threads: 1,
    encoder: new Blob([encoderModel() as BlobPart]),
  });
  const { data } = await generator.sample(3, { seed: 1 });
  const { shape, z } = await generator.reconstruct(data);
  expect(shape).toEqual([3, 1, 16, 16]);
  expect(z).toHaveLength(3 * 12);
  const given = data.slice();
  const waiting = generator.reconstruct(given);
  given.fill(NaN);
  expect((await waiting).z).toEqual(z);
  await expect(generator.reconstruct(given)).rejects.toThrow(
    new InputError('images: the array has NaN at element 0, must be finite'),
  );
  await expect(generator.reconstruct(data, { z: data } as never)).rejects.toThrow(
    'options: z is unknown; expected one of seed, label',
  );
  await expect(generator.reconstruct(data.subarray(1))).rejects.toThrow(
    new InputError('images have 767 elements, must have a multiple of 1 x 16 x 16 = 256'),
  );
  await generator.dispose();
});
