import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Generator } from '../../inference/node.ts';
import { discriminatorModel, dropoutRecipe, generatorModel, grey } from '../inference/generators.ts';
import { base64, digest, patience } from '../inference/server/service.ts';
import type { Answer } from '../inference/server/service.ts';
import { ganx, refusal } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { served } from './served.ts';

const model = generatorModel(dropoutRecipe, grey);

async function modelFile(): Promise<string> {
  const path = join(temporaryFolder(), 'generator.onnx');
  await writeFile(path, model);
  return path;
}

const generate = (url: string, body: object) =>
  fetch(`${url}/v1/generate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ format: 'json', ...body }),
  });

const dataOf = async (response: Response) => digest(((await response.json()) as Answer).data!);

const metrics = async (url: string) => (await fetch(`${url}/metrics`)).text();

/** Requests for samples that wait for their answer, and all that were accepted. */
async function requests(url: string) {
  const text = await metrics(url);
  const read = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const waiting = read(/^ganx_queue_requests (\d+)/m);
  return { waiting, accepted: waiting + read(/^ganx_http_requests_total\{route="\/v1\/generate".* (\d+)/m) };
}

describe('ganx serve', () => {
  it('prints its address, answers, and ends with 0 at SIGTERM', async () => {
    const { url, kill, ended } = await served([await modelFile()]);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const generator = await Generator.load(model, { threads: 1 });
    const { data } = await generator.sample(5, { seed: 3 });
    await generator.dispose();
    expect(await dataOf(await generate(url, { n: 5, seed: 3 }))).toBe(digest(base64(data)));
    kill('SIGTERM');
    expect(await ended).toEqual({
      code: 0,
      stdout: `${url}\n`,
      stderr: '\nganx: answering what was accepted (again to quit at once)\n',
    });
  });

  it('answers all that it has accepted before it ends, and nothing after', async () => {
    const flags = ['--max-batch', '1', '--max-queue', '20000', '--batch-window', '0'];
    const { url, kill, ended } = await served([await modelFile(), ...flags]);
    const alone = await dataOf(await generate(url, { n: 200, seed: 1 }));
    const answers = Array.from({ length: 40 }, () => generate(url, { n: 200, seed: 1 }));
    // The server answers other requests while the model runs.
    const all = {
      accepted: 1 + answers.length,
      waiting: expect.toSatisfy((count: number) => count > 0) as unknown,
    };
    await expect.poll(() => requests(url), patience).toEqual(all);
    kill('SIGINT');
    const found = await Promise.all(answers);
    expect(found.map(({ status }) => status)).toEqual(found.map(() => 200));
    expect(new Set(await Promise.all(found.map(dataOf)))).toEqual(new Set([alone]));
    expect((await ended).code).toBe(0);
    await expect(generate(url, {})).rejects.toThrow('fetch failed');
  });

  it.each([
    ['silent', ''],
    [
      'in the middle of a request',
      'POST /v1/generate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{',
    ],
  ])('ends although a client is %s', async (_what, sent) => {
    const { url, kill, ended } = await served([await modelFile()]);
    const client = connect(Number(new URL(url).port), '127.0.0.1');
    onTestFinished(() => void client.destroy());
    const cut = new Promise((resolve) => client.once('close', resolve));
    client.on('error', () => undefined).resume();
    await new Promise((resolve) => client.once('connect', resolve));
    client.write(sent);
    // Answered after those that came before it have been accepted.
    expect((await generate(url, {})).status).toBe(200);
    kill('SIGTERM');
    expect((await ended).code).toBe(0);
    await cut;
  });

  it('ends with 1 and a reason when the worker dies, and leaves no request hanging', async () => {
    // Dies in the thread that runs the model, at 13 rows.
    const crash = join(temporaryFolder(), 'crash.mjs');
    await writeFile(
      crash,
      `import { isMainThread, parentPort } from 'node:worker_threads';
       if (!isMainThread) parentPort.on('message', (rows) => { if (rows?.count === 13) throw new Error('out of luck'); });`,
    );
    const { url, ended } = await served([await modelFile(), '--max-batch', '13', '--batch-window', '0'], {
      NODE_OPTIONS: `--import ${pathToFileURL(crash).href}`,
    });
    expect((await generate(url, { n: 12 })).status).toBe(200);
    // Those on their way when it dies get a 500; those that come later a 503, or find nobody.
    const found = await Promise.allSettled([{ n: 13 }, { n: 40 }].map((body) => generate(url, body)));
    const statuses = found.map((one) => (one.status === 'fulfilled' ? one.value.status : 'refused'));
    for (const status of statuses) expect([500, 503, 'refused']).toContain(status);
    const { code, stderr } = await ended;
    expect(code).toBe(1);
    expect(stderr).toContain('ganx: the worker that runs the model failed: out of luck\n');
  });

  it('has a page at / and the model beside it, unless told not to', async () => {
    const path = await modelFile();
    const page = await served([path]);
    const root = await fetch(page.url);
    expect(root.headers.get('content-type')).toContain('text/html');
    expect(root.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    const file = await fetch(`${page.url}/generator.onnx`);
    expect(Buffer.compare(Buffer.from(await file.arrayBuffer()), model)).toBe(0);
    const etag = file.headers.get('etag')!;
    expect((await fetch(`${page.url}/generator.onnx`, { headers: { 'if-none-match': etag } })).status).toBe(
      304,
    );
    for (const path of ['/ort/ort.min.js', '/ort/../package.json', '/%2e%2e/cli/main.js'])
      expect((await fetch(page.url + path)).status).toBe(404);
    const bare = await served([path, '--no-page']);
    for (const path of ['/', '/generator.onnx']) expect((await fetch(bare.url + path)).status).toBe(404);
    expect((await generate(bare.url, {})).status).toBe(200);
  });

  it('--log prints a line of JSON for each request', async () => {
    const { url, kill, ended } = await served([await modelFile(), '--log']);
    await generate(url, { n: 0 });
    kill('SIGTERM');
    const { stdout } = await ended;
    const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
    const records = lines.map((line) => JSON.parse(line) as { res?: { statusCode: number } });
    expect(records.some(({ res }) => res?.statusCode === 400)).toBe(true);
  });
});

describe('ganx serve --static', () => {
  it('writes the page with the model and onnxruntime-web, again too', async () => {
    const path = await modelFile();
    const folder = join(temporaryFolder(), 'site');
    for (let time = 0; time < 2; time++)
      expect(await ganx(['serve', path, '--static', folder], '.')).toEqual({
        code: 0,
        stdout: `${join(folder, 'index.html')}\n`,
        stderr: '',
      });
    expect((await readdir(folder)).sort()).toEqual(['assets', 'generator.onnx', 'index.html', 'ort']);
    expect((await readdir(join(folder, 'ort'))).sort()).toEqual([
      'ort-wasm-simd-threaded.asyncify.mjs',
      'ort-wasm-simd-threaded.asyncify.wasm',
      'ort-wasm-simd-threaded.mjs',
      'ort-wasm-simd-threaded.wasm',
    ]);
  });

  it('writes nothing into a folder of other things', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'thesis.tex'), '');
    expect(await ganx(['serve', await modelFile(), '--static', folder], '.')).toEqual(
      refusal(
        `--static: ${folder} holds thesis.tex; expected an empty or new folder, or an earlier playground`,
      ),
    );
    expect(await readdir(folder)).toEqual(['thesis.tex']);
  });
});

describe('ganx serve refuses', () => {
  it('a port that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    expect(await ganx(['serve', await modelFile(), '--port', String(port)], '.')).toEqual(
      refusal(`--port: ${port} is in use on 127.0.0.1; choose another, or 0 for any that is free`),
    );
  });

  it.each([
    [['--host', '192.0.2.1'], '--host: "192.0.2.1" is no address of this machine'],
    [
      ['--host', 'nowhere.invalid'],
      '--host: "nowhere.invalid" is not known; expected a name or an address of this machine',
    ],
    [['--host', ''], '--host: "" must be a name or an address of this machine'],
    [
      ['--max-queue', '9', '--max-samples', '10'],
      '--max-queue: 9 must be at least --max-samples, which is 10: a request of that many would never be taken',
    ],
    [['--port', '70000'], '--port: "70000" must be an integer from 0 to 65535'],
    [['--batch-window', '-1'], '--batch-window: "-1" must be a number from 0 to 1000'],
    [['--max-batch', '0'], '--max-batch: "0" must be an integer from 1 to 1024'],
    [['--device', 'abacus'], 'device "abacus" must be cpu, cuda, cuda:<index> or webgpu'],
  ])('%j', async (flags, message) => {
    expect(await ganx(['serve', await modelFile(), ...flags], '.')).toEqual(refusal(message));
  });

  it('what is no generator', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'discriminator.onnx');
    await writeFile(file, discriminatorModel(dropoutRecipe, grey));
    const { code, stderr } = await ganx(['serve', file], '.');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^ganx: .*discriminator\.onnx: not a ganx generator .*; expected the generator\.onnx of a ganx run\n$/,
    );
    const empty = join(folder, 'empty');
    await mkdir(empty);
    expect((await ganx(['serve', empty], '.')).code).toBe(2);
    expect((await ganx(['serve', join(folder, 'nothing.onnx')], '.')).stderr).toBe(
      `ganx: ${join(folder, 'nothing.onnx')}: cannot read: no such file or folder (ENOENT)\n`,
    );
  });
});
