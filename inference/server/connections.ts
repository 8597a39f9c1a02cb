import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Milliseconds for a request to arrive whole: slow ones must not hold connections. */
const patience = 30_000;
/** Milliseconds that a connection is kept for a further request: longer than load balancers keep theirs. */
const keptAlive = 72_000;
/** Milliseconds in which a request that is on its way when the server ends may still arrive, to be told so. */
const lastCall = 1000;

interface Connection {
  /** Requests whose answers are not sent to the end. */
  readonly asked: Set<IncomingMessage>;
  /** Bytes that had come in when the last answer had been sent. */
  read?: number;
}

/**
 * The connections of a server, none of which keeps it from ending for ever. Answers are sent to the end, as long as
 * their clients take them. Then, and where nothing is asked, connections are cut: at once those that were kept for a
 * further request, after a last call silent ones, as browsers open in advance, and those whose request has not arrived
 * whole.
 */
export class Connections {
  readonly #open = new Map<Socket, Connection>();
  readonly #stalled: number;
  #ending = false;

  /**
   * @param stalled milliseconds after which a client is cut that takes nothing of its answer, which is memory. They
   *   are looked at as often, so that it may be twice as long.
   */
  constructor(stalled = 15_000) {
    this.#stalled = stalled;
  }

  /** A server whose connections are known. */
  readonly serve = (handler: RequestListener): Server => {
    const server = createServer(
      { requestTimeout: patience, keepAliveTimeout: keptAlive },
      (request, response) => {
        this.#watch(request, response);
        handler(request, response);
      },
    );
    // Node takes a connection as idle once its answer is handed over, and would cut it in the middle of it.
    server.closeIdleConnections = () => undefined;
    return server.on('connection', (socket: Socket) => {
      // Each of the requests that a client pipelines may listen.
      socket.setMaxListeners(0);
      this.#open.set(socket, { asked: new Set() });
      socket.once('close', () => this.#open.delete(socket));
    });
  };

  /** For when the server takes no more connections. */
  end(): void {
    this.#ending = true;
    this.#cut(isKept);
    setTimeout(() => {
      this.#cut(isUnused);
    }, lastCall).unref();
  }

  #watch(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#open.get(socket)!;
    connection.asked.add(request);
    // Told when nothing moves: nothing need while the model is at work.
    response.setTimeout(this.#stalled, () => {
      if (socket.writableLength > 0) socket.destroy();
    });
    response.once('close', () => {
      connection.asked.delete(request);
      connection.read = socket.bytesRead;
      if (this.#ending && isKept(connection, socket)) socket.destroySoon();
    });
  }

  #cut(which: (connection: Connection, socket: Socket) => boolean): void {
    for (const [socket, connection] of this.#open) if (which(connection, socket)) socket.destroy();
  }
}

/** Whether nothing has come in since the last answer. */
const isKept = ({ asked, read }: Connection, { bytesRead }: Socket) => !asked.size && bytesRead === read;

/** Whether no request that has arrived whole waits for its answer. */
const isUnused = ({ asked }: Connection) => !Array.from(asked).some(({ complete }) => complete);
