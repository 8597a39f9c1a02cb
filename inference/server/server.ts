import type { AddressInfo } from 'node:net';
import { InputError } from '../../artifacts/errors.ts';
import { startWorker } from '../crew/worker-runner.ts';
import { readModel } from '../node-files.ts';
import type { SessionSettings } from '../node-settings.ts';
import { createApp } from './app.ts';
import type { AppOptions } from './app.ts';

export interface ServerOptions extends Omit<AppOptions, 'page'> {
  /** Folder of the built playground; default: no page. */
  readonly playground?: string;
  readonly host: string;
  /** 0 = any that is free. */
  readonly port: number;
  readonly settings: SessionSettings;
}

export interface Server {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** Rejects if the model cannot be run any longer; never resolves. */
  readonly failure: Promise<never>;
  /** Takes no more requests, answers those that it has, lets the model go. */
  close(): Promise<void>;
}

/**
 * Serves a generator over HTTP.
 *
 * @param path `generator.onnx`, or the folder of a run
 * @throws InputError where it is no generator of ganx, or the address cannot be used.
 */
export async function startServer(path: string, options: ServerOptions): Promise<Server> {
  const { settings, maxBatch, host, port, playground } = options;
  const model = await readModel(path, 'generator', {});
  const worker = await startWorker({ model, settings, maxBatch });
  try {
    const page = playground === undefined ? undefined : { folder: playground, generator: model.bytes };
    const app = await createApp(worker, { ...options, ...(page && { page }) });
    await app.listen({ host, port }).catch((error: unknown) => {
      throw refused(error as NodeJS.ErrnoException, host, port);
    });
    const bound = app.addresses()[0] as AddressInfo;
    const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    return {
      url: `http://${name}:${bound.port}`,
      failure: worker.failure,
      close: async () => {
        await app.close();
        await worker.dispose();
      },
    };
  } catch (error) {
    await worker.dispose();
    throw error;
  }
}

function refused(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: `--port: ${port} is in use on ${host}; choose another, or 0 for any that is free`,
    EACCES: `--port: ${port} needs rights that this user lacks; choose one above 1023`,
    EADDRNOTAVAIL: `--host: ${JSON.stringify(host)} is no address of this machine`,
    ENOTFOUND: `--host: ${JSON.stringify(host)} is not known; expected a name or an address of this machine`,
  };
  const known = why[error.code ?? ''] ?? (error.syscall === 'getaddrinfo' ? why.ENOTFOUND : undefined);
  return known === undefined ? error : new InputError(known, { cause: error });
}
