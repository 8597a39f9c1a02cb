import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { GeneratorMetadata } from '../../artifacts/metadata.ts';
import { encodePng } from '../../artifacts/png.ts';
import { pictureOf } from '../picture.ts';
import type { Admission } from './admission.ts';
import type { Batcher } from './batcher.ts';
import { bodySchema } from './fields.ts';
import type { AnswerBody, Fields, GenerateBody, InterpolateBody } from './fields.ts';
import { asBadRequest, clientGone, refusalSchema, refusedBody } from './refusals.ts';
import { planGenerate, planInterpolate } from './requests.ts';
import type { Work } from './requests.ts';

export interface Generating {
  readonly metadata: GeneratorMetadata;
  readonly fields: { readonly generate: Fields; readonly interpolate: Fields };
  readonly batcher: Batcher;
  readonly admission: Admission;
}

/** Up to here frames are one row. */
const longestRow = 16;

/** Adds `POST /v1/generate` and `POST /v1/interpolate`. */
export function addGenerating(
  app: FastifyInstance,
  { metadata, fields, batcher, admission }: Generating,
): void {
  const answer = (
    request: FastifyRequest,
    reply: FastifyReply,
    n: number,
    plan: () => Work,
    { format, columns }: AnswerBody,
  ) => {
    const over = whenOver(request, reply);
    // A request is planned once it is admitted: to draw its latents costs more than to refuse it.
    return admission.admit(n, over, async () => {
      const work = await asBadRequest(plan);
      const data = await batcher.run(work.rows, over);
      if (format === 'json') return numbers(metadata, work, data);
      const samples = { data, shape: [n, ...metadata.shape] };
      const png = await asBadRequest(() =>
        encodePng(pictureOf(samples, columns === undefined ? {} : { columns })),
      );
      return reply.type('image/png').send(png);
    });
  };
  app.post<{ Body: GenerateBody }>(
    '/v1/generate',
    route('Draw samples.', metadata, bodySchema(fields.generate)),
    (request, reply) => {
      check(request, fields.generate);
      const { body } = request;
      return answer(request, reply, body.n, () => planGenerate(metadata, body), body);
    },
  );
  app.post<{ Body: InterpolateBody }>(
    '/v1/interpolate',
    route('Walk between two latents.', metadata, bodySchema(fields.interpolate, ['a', 'b'])),
    (request, reply) => {
      check(request, fields.interpolate);
      const { body } = request;
      const { frames } = body;
      const columns = body.columns ?? (frames <= longestRow ? frames : undefined);
      return answer(request, reply, frames, () => planInterpolate(metadata, body), {
        ...body,
        ...(columns && { columns }),
      });
    },
  );
}

function check(request: FastifyRequest, fields: Fields): void {
  if (request.validationError) throw refusedBody(request, fields);
}

/** Aborted when the answer has been sent to the end, or the client has closed the connection before. */
function whenOver({ socket }: FastifyRequest, { raw }: FastifyReply): AbortSignal {
  const over = new AbortController();
  const end = () => {
    raw.off('close', end);
    socket.off('close', end);
    over.abort(clientGone);
  };
  raw.once('close', end);
  // Of several that a client pipelines, Node tells only the first answer that the connection is closed.
  socket.once('close', end);
  return over.signal;
}

function numbers({ shape, zDim }: GeneratorMetadata, { plan }: Work, data: Float32Array) {
  const { n, seed, z, labels } = plan;
  return {
    shape: [n, ...shape],
    seed,
    ...(labels && { labels: Array.from(labels) }),
    z: Array.from({ length: n }, (_, i) => Array.from(z.subarray(i * zDim, (i + 1) * zDim))),
    data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
  };
}

function route(summary: string, { kind, conditional }: GeneratorMetadata, body: Record<string, unknown>) {
  const integers = { type: 'array', items: { type: 'integer' } };
  const result = {
    type: 'object',
    properties: {
      shape: { ...integers, description: kind === 'images' ? '[n, C, H, W]' : '[n, 2]' },
      seed: { type: 'integer' },
      ...(conditional && { labels: { ...integers, description: 'The class of each.' } }),
      z: {
        type: 'array',
        items: { type: 'array', items: { type: 'number' } },
        description: 'The latent of each; a and b of interpolate take one.',
      },
      data: {
        type: 'string',
        contentEncoding: 'base64',
        description: `Of shape, row-major: float32, little endian, ${kind === 'images' ? 'in [-1, 1]' : 'in the units of the data'}.`,
      },
    },
  };
  const refused = (description: string) => ({
    description,
    content: { 'application/json': { schema: refusalSchema } },
  });
  return {
    // The handler words the refusal: it knows the body.
    attachValidation: true,
    schema: {
      summary,
      querystring: { type: 'object', additionalProperties: false },
      body,
      response: {
        200: {
          description: 'As format asks.',
          content: {
            'image/png': { schema: { type: 'string', format: 'binary' } },
            'application/json': { schema: result },
          },
        },
        400: refused('The body is not as the schema wants it.'),
        503: refused('Too much is being waited for, or the server is ending: see Retry-After.'),
      },
    },
  };
}
