import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { Generator } from '../../../inference/node.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import {
  classes,
  conditionalModel,
  dropoutRecipe,
  generatorModel,
  grey,
  plainRecipe,
  points,
  pointsRecipe,
} from '../generators.ts';
import { base64, loadRows, patience, post, service, together, Watched } from './service.ts';
import type { Answer } from './service.ts';

describe('POST /v1/generate', () => {
  it('draws a grid as PNG, the one of Generator.toPng', async () => {
    const model = generatorModel(dropoutRecipe, grey);
    const app = await service(model);
    const generator = await Generator.load(model, { threads: 1 });
    const samples = await generator.sample(6, { seed: 5, truncation: 0.5 });
    const { status, type, bytes } = await post(app, '/v1/generate', {
      n: 6,
      seed: 5,
      truncation: 0.5,
      columns: 2,
    });
    expect([status, type]).toEqual([200, 'image/png']);
    expect(bytes).toEqual(Buffer.from(await generator.toPng(samples, { columns: 2 })));
    expect(await sharp(bytes).metadata()).toMatchObject({ width: 2 * 18 - 2, height: 3 * 18 - 2 });
    await generator.dispose();
  });

  it('has one sample of seed 0 where nothing is said', async () => {
    const model = generatorModel(plainRecipe, grey);
    const app = await service(model);
    const generator = await Generator.load(model, { threads: 1 });
    const { data, z } = await generator.sample(1);
    expect((await post(app, '/v1/generate', { format: 'json' })).body).toEqual({
      shape: [1, 1, 16, 16],
      seed: 0,
      z: [Array.from(z)],
      data: base64(data),
    });
    await generator.dispose();
  });

  it('takes classes by number and by name', async () => {
    const app = await service(conditionalModel());
    const labels = async (label?: unknown) =>
      (await post(app, '/v1/generate', { n: 4, label, format: 'json' })).body!.labels;
    expect(await labels(2)).toEqual([2, 2, 2, 2]);
    expect(await labels('dog')).toEqual([1, 1, 1, 1]);
    expect(await labels(['fox', 0, 'cat', 1])).toEqual([2, 0, 0, 1]);
    expect(await labels()).toEqual([0, 1, 2, 0]);
  });

  it('plots points', async () => {
    const app = await service(generatorModel(pointsRecipe, points));
    const { bytes } = await post(app, '/v1/generate', { n: 100 });
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 512, height: 512 });
    expect((await post(app, '/v1/generate', { columns: 2 })).body!.message).toBe(
      '"columns" is unknown here; expected n, seed, truncation, format',
    );
  });
});

describe('POST /v1/interpolate', () => {
  it('walks between seeds, and between the latents that generate tells', async () => {
    const app = await service(generatorModel(dropoutRecipe, grey));
    const latent = async (seed: number) =>
      (await post(app, '/v1/generate', { seed, format: 'json' })).body!.z![0];
    const walk = async (a: unknown, b: unknown) =>
      (await post(app, '/v1/interpolate', { a, b, frames: 3, seed: 4, format: 'json' })).body!;
    const seeds = await walk(1, 2);
    expect(seeds.shape).toEqual([3, 1, 16, 16]);
    expect(await walk(await latent(1), await latent(2))).toEqual(seeds);
    expect(seeds.z![0]).toEqual(await latent(1));
    expect(seeds.z![2]).toEqual(await latent(2));
  });

  it('puts up to 16 frames in one row', async () => {
    const app = await service(generatorModel(plainRecipe, grey));
    const size = async (body: object) => {
      const { width, height } = await sharp(
        (await post(app, '/v1/interpolate', { a: 1, b: 2, ...body })).bytes,
      ).metadata();
      return [(width + 2) / 18, (height + 2) / 18];
    };
    expect(await size({})).toEqual([8, 1]);
    expect(await size({ frames: 16 })).toEqual([16, 1]);
    expect(await size({ frames: 17 })).toEqual([5, 4]);
    expect(await size({ frames: 17, columns: 17, path: 'line' })).toEqual([17, 1]);
  });
});

describe('a wrong body', () => {
  const end = 'a seed (an integer from -2147483648 to 2147483647) or 4 numbers';
  const fields = 'n, seed, label, truncation, format, columns';
  it.each([
    ['generate', { n: 0 }, 'n 0 must be an integer from 1 to 256'],
    ['generate', { n: 257 }, 'n 257 must be an integer from 1 to 256'],
    ['generate', { n: 1.5 }, 'n 1.5 must be an integer from 1 to 256'],
    ['generate', { n: '7' }, 'n "7" must be an integer from 1 to 256'],
    ['generate', { n: null }, 'n null must be an integer from 1 to 256'],
    ['generate', { seed: 2 ** 31 }, 'seed 2147483648 must be an integer from -2147483648 to 2147483647'],
    ['generate', { truncation: 0 }, 'truncation 0 must be a number > 0'],
    ['generate', '{"truncation":1e999}', 'truncation null must be a number > 0'],
    ['generate', { format: 'jpeg' }, 'format "jpeg" must be "png" or "json"'],
    ['generate', { columns: 0 }, 'columns 0 must be an integer from 1 to 256'],
    [
      'generate',
      { label: 3 },
      'label 3 must be a class: a number from 0 to 2, or one of cat, dog, fox; or a list of n such',
    ],
    [
      'generate',
      { label: ['cat', 'cow'] },
      'label ["cat","cow"] must be a class: a number from 0 to 2, or one of cat, dog, fox; or a list of n such',
    ],
    ['generate', { n: 2, label: [1] }, 'label has 1 elements, must be one label or n = 2 of them'],
    ['generate', { samples: 3 }, `"samples" is unknown here; expected ${fields}`],
    ['generate', '{"__proto__":{}}', "Body is not valid JSON but content-type is set to 'application/json'"],
    ['generate', [], `the body must be a JSON object with ${fields}`],
    ['generate', 'null', `the body must be a JSON object with ${fields}`],
    ['generate', '{"n":', "Body is not valid JSON but content-type is set to 'application/json'"],
    ['generate', '', "Body cannot be empty when content-type is set to 'application/json'"],
    ['interpolate', { a: 1 }, `b is missing; it must be ${end}`],
    ['interpolate', { a: 1, b: [1, 2] }, `b [1,2] must be ${end}`],
    ['interpolate', { a: 1, b: [1, 2, 3, 'x'.repeat(99)] }, `b [1,2,3,"${'x'.repeat(52)}... must be ${end}`],
    ['interpolate', { a: [1, 2, 3, 1e39], b: 2 }, 'a has Infinity at element 3, must be finite'],
    ['interpolate', { a: 1, b: 2, frames: 1 }, 'frames 1 must be an integer from 2 to 256'],
    [
      'interpolate',
      { a: 1, b: 2, label: [1] },
      'label [1] must be a class: a number from 0 to 2, or one of cat, dog, fox',
    ],
    ['interpolate', { a: 1, b: 2, path: 'spline' }, 'path "spline" must be "great-circle" or "line"'],
  ])('%s %j: %s', async (route, body, message) => {
    const app = await service(conditionalModel());
    const answer = await post(app, `/v1/${route}`, body);
    expect([answer.status, answer.body]).toEqual([400, { statusCode: 400, error: 'Bad Request', message }]);
  });

  it('label and truncation are unknown to a generator that has no use for them', async () => {
    const app = await service(generatorModel(plainRecipe, grey));
    expect((await post(app, '/v1/generate', { label: 1 })).body!.message).toContain(
      '"label" is unknown here',
    );
    const uniform = await service(conditionalModel({ latent: 'uniform' }));
    expect((await post(uniform, '/v1/generate', { truncation: 1 })).body!.message).toContain(
      '"truncation" is unknown',
    );
  });
});

describe('what is not served', () => {
  it('404: an unknown address', async () => {
    const app = await service(conditionalModel());
    const response = await app.inject({ url: '/v1/nothing?x=1' });
    expect([response.statusCode, response.json<object>()]).toEqual([
      404,
      { statusCode: 404, error: 'Not Found', message: 'GET /v1/nothing is not here' },
    ]);
  });

  it.each([
    ['GET', '/v1/generate', 'POST'],
    ['DELETE', '/v1/interpolate', 'POST'],
    ['OPTIONS', '/v1/generate', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/', 'GET, HEAD'],
    ['PUT', '/index.html', 'GET, HEAD'],
    ['DELETE', '/generator.onnx', 'GET, HEAD'],
  ] as const)('405: %s %s, which takes %s', async (method, url, allow) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    const generator = conditionalModel();
    const app = await service(generator, { page: { folder, generator } });
    const { statusCode, headers } = await app.inject({ method, url });
    expect([statusCode, headers.allow]).toEqual([405, allow]);
  });

  it('415: a body that is no JSON', async () => {
    const app = await service(conditionalModel());
    const messageOf = async (headers: Record<string, string>) => {
      const response = await app.inject({ method: 'POST', url: '/v1/generate', headers, payload: 'n=1' });
      expect(response.statusCode).toBe(415);
      return response.json<Answer>().message;
    };
    expect(await messageOf({ 'content-type': 'text/plain' })).toBe(
      'content-type "text/plain" must be application/json',
    );
    expect(await messageOf({})).toBe('content-type is missing; it must be application/json');
  });

  it('400: fields in the address, where they would be overlooked', async () => {
    const app = await service(conditionalModel());
    const answer = await post(app, '/v1/generate?n=5', {});
    expect([answer.status, answer.body!.message]).toEqual([
      400,
      '"n" is in the address; fields belong into the JSON body',
    ]);
  });

  it('403: an address that leads out of its folder', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'index.html'), '<!doctype html>');
    const generator = conditionalModel();
    const app = await service(generator, { page: { folder, generator } });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    // As it is: fetch and inject would resolve it.
    const [response] = (await once(get({ port, path: '/ort/../x' }), 'response')) as [IncomingMessage];
    expect(JSON.parse(await text(response))).toEqual({
      statusCode: 403,
      error: 'Forbidden',
      message: 'Forbidden',
    });
  });

  it('400: an address that is none', async () => {
    const app = await service(conditionalModel());
    expect((await app.inject('/%zz')).json()).toEqual({
      statusCode: 400,
      error: 'Bad Request',
      message: '/%zz is not a valid address',
    });
  });

  it('413: a body beyond what two latents take', async () => {
    const app = await service(conditionalModel());
    expect((await post(app, '/v1/generate', `{"n":1}${' '.repeat(17_000)}`)).status).toBe(413);
  });

  it('503 with Retry-After: more samples than the queue has room for, and only while it has none', async () => {
    const runner = new Watched(await loadRows(conditionalModel(), 4));
    const app = await service(runner, { maxBatch: 4, maxQueue: 10, batchWindow: 0 });
    const release = runner.hold();
    const accepted = [4, 5].map((n) => post(app, '/v1/generate', { n }));
    // In the queue, as the metrics tell.
    await expect
      .poll(async () => (await app.inject('/metrics')).body, patience)
      .toContain('ganx_queue_samples 9');
    const refused = await post(app, '/v1/generate', { n: 2 });
    expect([refused.status, refused.headers['retry-after'], refused.body!.message]).toEqual([
      503,
      '1',
      '9 samples are being waited for, and 2 more would exceed 10; try again later',
    ]);
    accepted.push(post(app, '/v1/generate', { n: 1 }));
    await expect
      .poll(async () => (await app.inject('/metrics')).body, patience)
      .toContain('ganx_queue_requests 3');
    release();
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await post(app, '/v1/generate', { n: 10 })).status).toBe(200);
  });

  it('503 before anything of a request is worked out', async () => {
    const runner = new Watched(await loadRows(conditionalModel(), 4));
    const app = await service(runner, { maxQueue: 4, batchWindow: 0 });
    // Only who plans them finds what is wrong.
    const wrong = [
      ['/v1/generate', { n: 2, label: [1] }],
      ['/v1/interpolate', { a: [1, 2, 3, 1e39], b: 2, frames: 2 }],
    ] as const;
    const statuses = () => Promise.all(wrong.map(async ([url, body]) => (await post(app, url, body)).status));
    const release = runner.hold();
    const accepted = post(app, '/v1/generate', { n: 4 });
    await expect.poll(() => runner.runs, patience).toEqual([4]);
    expect(await statuses()).toEqual([503, 503]);
    release();
    expect((await accepted).status).toBe(200);
    expect(await statuses()).toEqual([400, 400]);
    expect((await app.inject('/metrics')).body).toContain('ganx_queue_samples 0\n');
  });
});

describe('what the server tells', () => {
  it('GET /v1/model: the metadata, the limits, the batching', async () => {
    const app = await service(conditionalModel(), { maxSamples: 9 });
    expect((await app.inject('/v1/model')).json()).toMatchObject({
      kind: 'images',
      zDim: 4,
      classes,
      conditional: true,
      limits: { maxSamples: 9, maxQueue: 2048 },
      batching: { window: 2, maxBatch: 64, mixes: true },
    });
  });

  it('GET /healthz', async () => {
    const app = await service(conditionalModel());
    expect((await app.inject('/healthz')).json()).toEqual({ status: 'ok' });
  });

  it('GET /metrics: requests by status, sizes of runs, latencies', async () => {
    const runner = new Watched(await loadRows(conditionalModel(), 64));
    const app = await service(runner);
    await together(
      app,
      runner,
      [3, 4].map((n) => ({ url: '/v1/generate', body: { n } })),
    );
    await post(app, '/v1/generate', { n: 0 });
    const { body, headers } = await app.inject('/metrics');
    expect(headers['content-type']).toContain('text/plain; version=0.0.4');
    for (const line of [
      'ganx_http_requests_total{route="/v1/generate",method="POST",status="200"} 3',
      'ganx_http_requests_total{route="/v1/generate",method="POST",status="400"} 1',
      'ganx_http_request_duration_seconds_count{route="/v1/generate"} 4',
      'ganx_batch_samples_sum 8',
      'ganx_batch_samples_count 2',
      'ganx_batch_requests_sum 3',
      'ganx_run_duration_seconds_count 2',
      'ganx_queue_requests 0',
    ])
      expect(body).toContain(`${line}\n`);
  });

  it('GET /openapi.json: what this generator takes', async () => {
    const app = await service(conditionalModel());
    const { paths } = (await app.inject('/openapi.json')).json<{
      paths: Record<string, Record<string, unknown>>;
    }>();
    expect(Object.keys(paths)).toEqual([
      '/v1/model',
      '/healthz',
      '/metrics',
      '/v1/generate',
      '/v1/interpolate',
    ]);
    const schema = JSON.stringify(paths['/v1/generate']!.post);
    expect(schema).toContain('"maximum":256');
    expect(schema).toContain(JSON.stringify(classes));
  });
});

it('a client that goes away takes its rows along', async () => {
  const runner = new Watched(await loadRows(conditionalModel(), 2));
  const app = await service(runner, { maxBatch: 2, batchWindow: 0 });
  const address = await app.listen({ port: 0 });
  const release = runner.hold();
  const gone = new AbortController();
  const ask = (signal?: AbortSignal) =>
    fetch(`${address}/v1/generate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"n":8}',
      ...(signal && { signal }),
    });
  const lost = ask(gone.signal);
  await expect.poll(() => runner.runs, patience).toEqual([2]);
  gone.abort();
  await expect(lost).rejects.toThrow('aborted');
  await expect
    .poll(async () => (await app.inject('/metrics')).body, patience)
    .toContain('ganx_queue_requests 0');
  release();
  expect((await ask()).status).toBe(200);
  expect(runner.runs).toEqual([2, 2, 2, 2, 2]);
});
