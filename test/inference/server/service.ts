import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { loadRuntime } from '../../../artifacts/onnxruntime-node.ts';
import { loadProven } from '../../../inference/crew/mixing-model.ts';
import { nodeRuntime } from '../../../inference/onnxruntime-node.ts';
import { createApp } from '../../../inference/server/app.ts';
import type { AppOptions } from '../../../inference/server/app.ts';
import { defaultLimits } from '../../../inference/server/limits.ts';
import type { RowRunner } from '../../../inference/rows.ts';

export const standard: AppOptions = { ...defaultLimits, batchWindow: 2, maxBatch: 64 };

/** A model as the server loads it, with one thread and in this one. */
export async function loadRows(bytes: Uint8Array, maxBatch: number): Promise<RowRunner> {
  const runtime = nodeRuntime(await loadRuntime(), { threads: 1 });
  return loadProven(runtime, { bytes, source: 'generator' }, maxBatch);
}

/** For what takes milliseconds, unless the machine has no time. */
export const patience = { timeout: 60_000 };

/** The service of a generator, with its model in this thread; goes with the test. */
export async function service(
  model: Uint8Array | RowRunner,
  options: Partial<AppOptions> = {},
): Promise<FastifyInstance> {
  const all = { ...standard, ...options };
  const runner = model instanceof Uint8Array ? await loadRows(model, all.maxBatch) : model;
  const app = await createApp(runner, all);
  onTestFinished(async () => {
    await app.close();
    await runner.dispose();
  });
  return app;
}

/** A posted JSON body's answer. */
export async function post(app: FastifyInstance, url: string, payload: unknown) {
  const response = await app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });
  const type = String(response.headers['content-type']);
  return {
    status: response.statusCode,
    headers: response.headers,
    type,
    bytes: response.rawPayload,
    body: type.startsWith('application/json') ? response.json<Answer>() : undefined,
  };
}

export interface Answer {
  readonly statusCode?: number;
  readonly message?: string;
  readonly shape?: number[];
  readonly seed?: number;
  readonly labels?: number[];
  readonly z?: number[][];
  readonly data?: string;
}

/** Elements, as an answer has them. */
export const base64 = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('base64');

/** Counts what goes through a runner, and may hold it up. */
export class Watched implements RowRunner {
  readonly runs: number[] = [];
  readonly mixes: boolean;
  readonly #inner: RowRunner;
  #gate: Promise<void> = Promise.resolve();

  constructor(inner: RowRunner, mixes = inner.mixes) {
    this.#inner = inner;
    this.mixes = mixes;
  }

  get metadata() {
    return this.#inner.metadata;
  }

  /** Runs wait until the result is called. */
  hold(): () => void {
    let release: (() => void) | undefined;
    this.#gate = new Promise((resolve) => (release = resolve));
    return () => {
      release!();
    };
  }

  async run(...[rows]: Parameters<RowRunner['run']>): ReturnType<RowRunner['run']> {
    this.runs.push(rows.count);
    await this.#gate;
    return this.#inner.run(rows);
  }

  dispose(): Promise<void> {
    return this.#inner.dispose();
  }
}

/** Answers to requests that wait together: a run of one sample, which is held up, goes before theirs. */
export async function together(
  app: FastifyInstance,
  runner: Watched,
  requests: readonly { readonly url: string; readonly body: unknown }[],
) {
  const release = runner.hold();
  const first = post(app, '/v1/generate', {});
  await expect.poll(() => runner.runs, patience).toEqual([1]);
  const answers = requests.map(({ url, body }) => post(app, url, body));
  await expect
    .poll(async () => (await app.inject('/metrics')).body, patience)
    .toContain(`ganx_queue_requests ${requests.length + 1}\n`);
  runner.runs.length = 0;
  release();
  await first;
  return Promise.all(answers);
}

/** Short enough to compare in a message. */
export const digest = (data: string): string => createHash('sha256').update(data).digest('hex').slice(0, 16);
