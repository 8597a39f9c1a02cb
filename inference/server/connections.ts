import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Milliseconds for a request to arrive whole: slow ones must not hold connections. */
const patience = 30_000;
/** Milliseconds that a connection is kept for a further request: longer than load balancers keep theirs. */
const keptAlive = 72_000;
/** Milliseconds in which a request that is on its way when the server ends may still arrive, to be told so. */
const lastCall = 1000;

/**
 * The connections of a server. When it ends, those are cut on which no request waits for its answer: silent ones, as
 * browsers open in advance, and those whose request has not arrived whole. Node would wait for them for ever.
 */
export class Connections {
  readonly #open = new Set<Socket>();
  /** Requests that have arrived whole and are not answered yet. */
  readonly #waiting = new Set<IncomingMessage>();

  /** A server whose connections are known. */
  readonly serve = (handler: RequestListener): Server =>
    createServer({ requestTimeout: patience, keepAliveTimeout: keptAlive }, handler).on(
      'connection',
      (socket: Socket) => {
        this.#open.add(socket);
        socket.once('close', () => this.#open.delete(socket));
      },
    );

  watch(app: FastifyInstance): void {
    // The first hook that runs when the body is there.
    app.addHook('preValidation', ({ raw }, _reply, done) => {
      this.#waiting.add(raw);
      done();
    });
    app.addHook('onResponse', ({ raw }, _reply, done) => {
      this.#waiting.delete(raw);
      done();
    });
    app.addHook('preClose', (done) => {
      setTimeout(() => {
        this.#cutUnused();
      }, lastCall).unref();
      done();
    });
  }

  #cutUnused(): void {
    const used = new Set(Array.from(this.#waiting, ({ socket }) => socket));
    for (const socket of this.#open) if (!used.has(socket)) socket.destroy();
  }
}
