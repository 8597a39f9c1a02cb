import { parentPort, workerData } from 'node:worker_threads';
import type { Chunk, Engine, EngineSpec } from './engine.ts';
import { createLocalEngine } from './local-engine.ts';
import { release } from './release.ts';
import type { Reply, Request } from './worker-engine.ts';

/** The other end of `worker-engine.ts`: answers one request after the other. */
const engine: Promise<Engine> = createLocalEngine(workerData as EngineSpec);
let previous: Promise<unknown> = engine.catch(() => undefined);

parentPort!.on('message', ({ id, method, args }: Request) => {
  const answer = previous.then(async () => {
    try {
      const methods = (await engine) as unknown as Record<
        string,
        (...values: readonly unknown[]) => Promise<unknown>
      >;
      parentPort!.postMessage({ id, value: await methods[method]!(...args) } satisfies Reply);
    } catch (error) {
      parentPort!.postMessage({ id, error } satisfies Reply);
    }
    // Nobody else has the data of a run: they were given away.
    if (method === 'run') release([(args[0] as Chunk).real.data.buffer as ArrayBuffer]);
    if (method === 'dispose') parentPort!.close();
  });
  previous = answer;
});
