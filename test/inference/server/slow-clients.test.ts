import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import type { AppOptions } from '../../../inference/server/app.ts';
import type { RowRunner } from '../../../inference/rows.ts';
import { grey, metadataOf, plainRecipe } from '../generators.ts';
import { patience, post, service, Watched } from './service.ts';

/** 32 MiB as JSON, which no socket takes at once. */
const large = 24;

/** Large images from nowhere. */
const runner: RowRunner = {
  metadata: { ...metadataOf(plainRecipe, grey), shape: [1, 512, 512] },
  mixes: true,
  run: ({ count }) => Promise.resolve(new Float32Array(count * 512 * 512)),
  dispose: () => Promise.resolve(),
};

/** A connection to an app that listens. */
async function client(app: FastifyInstance): Promise<Socket> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(
    socket.on('error', () => undefined),
    'connect',
  );
  return socket;
}

async function listening(model: RowRunner, options: Partial<AppOptions> = {}): Promise<FastifyInstance> {
  const app = await service(model, options);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app;
}

const request = (route: string, fields: object) => {
  const body = JSON.stringify({ format: 'json', ...fields });
  return `POST /v1/${route} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
};

/** Asks, and takes nothing of the answer but that it begins. */
async function askAndPause(socket: Socket, n: number): Promise<Buffer> {
  socket.write(request('generate', { n }));
  const [start] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  return start;
}

/** Bytes of the body that come until the server closes the connection, of how many. */
async function rest(socket: Socket, start: Buffer): Promise<{ found: number; length: number }> {
  const head = start.toString('latin1').split('\r\n\r\n')[0]!;
  let found = start.length - head.length - 4;
  socket.on('data', (data: Buffer) => (found += data.length)).resume();
  await once(socket, 'close');
  return { found, length: Number(/^content-length: (\d+)$/im.exec(head)![1]) };
}

const queued = async (app: FastifyInstance) =>
  Number(/^ganx_queue_samples (\d+)$/m.exec((await app.inject('/metrics')).body)![1]);

it('an answer that is being sent when the server ends is sent whole, and its connection closed', async () => {
  const app = await listening(runner);
  const socket = await client(app);
  const start = await askAndPause(socket, large);
  const ended = app.close();
  // Longer than the last call.
  await sleep(1500);
  const { found, length } = await rest(socket, start);
  expect(length).toBeGreaterThan(32 * 2 ** 20);
  expect(found).toBe(length);
  await ended;
});

it('connections that were kept are closed when the server ends, silent ones after a last call', async () => {
  const app = await listening(runner);
  const [silent, kept] = [await client(app), await client(app)];
  kept.write(request('generate', { n: 1 }));
  await expect.poll(() => queued(app), patience).toBe(0);
  await once(kept, 'data');
  kept.resume();
  silent.resume();
  const ends = Promise.all(
    [kept, silent].map((socket) => once(socket, 'close').then(() => performance.now())),
  );
  await app.close();
  const [first, second] = await ends;
  expect(second! - first!).toBeGreaterThan(500);
});

it('an answer takes room in the queue until it is sent', async () => {
  const app = await listening(runner, { maxQueue: large });
  const socket = await client(app);
  const start = await askAndPause(socket, large);
  expect(await queued(app)).toBe(large);
  expect((await post(app, '/v1/generate', { n: 1 })).status).toBe(503);
  void rest(socket, start);
  await expect.poll(() => queued(app), patience).toBe(0);
  expect((await post(app, '/v1/generate', { n: 1 })).status).toBe(200);
});

it('the answers of a client that goes away take no room, nor do those that queue behind others', async () => {
  const watched = new Watched(runner);
  const release = watched.hold();
  onTestFinished(release);
  const app = await listening(watched);
  const socket = await client(app);
  const warnings: Error[] = [];
  const warn = (warning: Error) => warnings.push(warning);
  process.on('warning', warn);
  onTestFinished(() => void process.off('warning', warn));
  const far = Array.from({ length: watched.metadata.zDim }, () => 1e39);
  // Samples that wait for the model, and refusals that wait for their turn; more than a socket has listeners without a
  // warning.
  for (let i = 0; i < 10; i++) {
    socket.write(request('generate', { n: 1 }));
    socket.write(request('interpolate', { a: far, b: 1, frames: 2 }));
  }
  await expect.poll(() => queued(app), patience).toBe(30);
  socket.destroy();
  await expect.poll(() => queued(app), patience).toBe(0);
  expect(warnings).toEqual([]);
});
