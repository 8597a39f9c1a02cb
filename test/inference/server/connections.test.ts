import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { Connections } from '../../../inference/server/connections.ts';

/** More than a socket takes at once. */
const large = Buffer.alloc(32 * 2 ** 20);

/** A client of a server that cuts those that take nothing for `stalled` milliseconds; it has asked, and does not read. */
async function asked(stalled: number, handler: RequestListener) {
  const connections = new Connections(stalled);
  const server = connections.serve(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => {
    client.destroy();
    server.close();
    connections.end();
  });
  client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  const [{ socket }] = (await once(server, 'request')) as [{ socket: Socket }];
  return { connections, server, client, socket };
}

it('a client that takes nothing of its answer is cut, and keeps no server from ending', async () => {
  const { connections, server, socket } = await asked(100, (_, response) => response.end(large));
  const cut = once(socket, 'close');
  server.close();
  connections.end();
  await Promise.all([cut, once(server, 'close')]);
});

it('one that takes a little at a time is not', async () => {
  const { client } = await asked(1000, (_, response) => response.end(large));
  let found = 0;
  const start = performance.now();
  for await (const data of client as AsyncIterable<Buffer>) {
    found += data.length;
    await sleep(4);
    if (found >= large.length) break;
  }
  expect(performance.now() - start).toBeGreaterThan(2000);
  expect(found).toBeGreaterThanOrEqual(large.length);
});

it('nor one whose answer takes long to make, until it takes nothing of that', async () => {
  const { client, socket } = await asked(100, (_, response) => setTimeout(() => response.end(large), 1000));
  const [start] = (await once(client, 'data')) as [Buffer];
  client.pause();
  expect(start.toString('latin1')).toContain('200 OK');
  await once(socket, 'close');
});
