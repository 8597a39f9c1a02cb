import type { FastifyInstance } from 'fastify';
import type { RowRunner } from '../rows.ts';
import type { AppOptions } from './app.ts';
import type { Metrics } from './metrics.ts';

/** Adds what tells of the server and its model: `/v1/model`, `/healthz`, `/metrics`, `/openapi.json`. */
export function addObserving(
  app: FastifyInstance,
  metrics: Metrics,
  { metadata, mixes }: RowRunner,
  { maxSamples, maxQueue, batchWindow, maxBatch }: AppOptions,
): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    void reply.header('x-content-type-options', 'nosniff');
    // A connection that is kept would keep the server from ending.
    if (closing) void reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    metrics.answered(
      request.routeOptions.url ?? 'none',
      request.method,
      reply.statusCode,
      reply.elapsedTime / 1000,
    );
    done();
  });

  app.get(
    '/v1/model',
    { schema: { summary: 'What the generator is, and the limits of the server.' } },
    () => ({
      ...metadata,
      limits: { maxSamples, maxQueue },
      batching: { window: batchWindow, maxBatch, mixes },
    }),
  );
  app.get('/healthz', { schema: { summary: 'Whether the server takes requests.' } }, () => ({
    status: 'ok',
  }));
  app.get('/metrics', { schema: { summary: 'Figures for Prometheus.' } }, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
