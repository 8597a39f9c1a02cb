import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { ganxVersion } from '../../artifacts/version.ts';
import type { RowRunner } from '../rows.ts';
import { Admission } from './admission.ts';
import { Batcher } from './batcher.ts';
import { Connections } from './connections.ts';
import { generateFields, interpolateFields } from './fields.ts';
import { addGenerating } from './generating.ts';
import { bodyLimit } from './limits.ts';
import type { Limits } from './limits.ts';
import { Metrics } from './metrics.ts';
import { addObserving } from './observing.ts';
import { addPage } from './page.ts';
import type { Page } from './page.ts';
import { answerBadAddress, answerErrors } from './refusals.ts';

export interface AppOptions extends Limits {
  /** Milliseconds that a run waits for further requests; 0 = none. */
  readonly batchWindow: number;
  /** Most samples of a run. */
  readonly maxBatch: number;
  /** The playground; default none. */
  readonly page?: Page;
  /** One line of JSON a request, on stdout. */
  readonly log?: boolean;
  /** Told of what no request is to blame for. */
  readonly onUnexpected?: (error: Error) => void;
}

/** The HTTP service of one generator, not listening yet. */
export async function createApp(runner: RowRunner, options: AppOptions): Promise<FastifyInstance> {
  const { metadata } = runner;
  const fields = {
    generate: generateFields(metadata, options),
    interpolate: interpolateFields(metadata, options),
  };
  const connections = new Connections();
  const app = Fastify({
    bodyLimit: bodyLimit(metadata.zDim),
    serverFactory: connections.serve,
    frameworkErrors: answerBadAddress,
    logger: options.log ?? false,
    // What is not quite right is refused, not bent: "7" is no number, and a misspelt field does not vanish.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  app.removeContentTypeParser('text/plain');
  const admission = new Admission(options.maxQueue);
  const metrics = new Metrics(admission);
  const batcher = new Batcher(runner, {
    window: options.batchWindow,
    maxBatch: options.maxBatch,
    onRun: (run) => {
      metrics.ran(run);
    },
  });

  await app.register(swagger, {
    openapi: {
      info: {
        title: `ganx generator (${metadata.recipe})`,
        description: 'Samples of a trained generator.',
        version: ganxVersion,
      },
    },
  });
  app.addHook('preClose', (done) => {
    connections.end();
    done();
  });
  answerErrors(app, options.onUnexpected ?? (() => undefined));
  addObserving(app, metrics, runner, options);
  addGenerating(app, { metadata, fields, batcher, admission });
  if (options.page) await addPage(app, options.page);
  return app;
}
