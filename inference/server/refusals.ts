import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { InputError, withoutPlace } from '../../artifacts/errors.ts';
import { Overloaded } from './admission.ts';
import type { Fields } from './fields.ts';

/** Characters of an offending value that a message repeats. */
const longest = 60;

/** The client gave up before the answer. */
export const clientGone = new Error('the client has closed the connection');

/** Runs `task`; what it refuses is the fault of the request. */
export async function asBadRequest<T>(task: () => T | Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw error instanceof InputError ? Object.assign(new Error(error.message), { statusCode: 400 }) : error;
  }
}

/** What the schema refuses, in the words of ganx: what, the offending value, the rule. */
export function refusedBody({ body, validationError }: FastifyRequest, fields: Fields): Error {
  const [violation] = (validationError?.validation ?? []) as readonly Violation[];
  const text =
    validationError?.validationContext === 'querystring'
      ? `${shorten(JSON.stringify(violation?.params?.additionalProperty))} is in the address; fields belong into the JSON body`
      : whatIsRefused(body, violation, fields);
  return Object.assign(new Error(text), { statusCode: 400 });
}

function whatIsRefused(body: unknown, error: Violation | undefined, fields: Fields): string {
  const names = Object.keys(fields).join(', ');
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return `the body must be a JSON object with ${names}`;
  const { instancePath = '', params } = error ?? {};
  const name = instancePath.split('/')[1] ?? String(params?.missingProperty ?? params?.additionalProperty);
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (!field) return `${shorten(JSON.stringify(name))} is unknown here; expected ${names}`;
  if (!Object.hasOwn(body, name)) return `${name} is missing; it must be ${field.rule}`;
  return `${name} ${shorten(JSON.stringify((body as Record<string, unknown>)[name]))} must be ${field.rule}`;
}

/** As ajv tells it. */
interface Violation {
  readonly instancePath?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

const shorten = (text: string) => (text.length > longest ? `${text.slice(0, longest)}...` : text);

/** Answers errors in one form: `{ statusCode, error, message }`. */
export function answerErrors(app: FastifyInstance, onUnexpected: (error: Error) => void): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error === clientGone) return reply.code(499).send();
    if (error instanceof Overloaded)
      return reply.code(503).header('retry-after', '1').send(refusal(503, error.message));
    const status = error.statusCode ?? 500;
    if (status >= 500) onUnexpected(error);
    const message = status === 415 ? wrongType(request) : withoutPlace(error.message);
    return reply.code(status).send(refusal(status, message));
  });
  app.setNotFoundHandler((request, reply) => {
    const [url = ''] = request.url.split('?');
    const allowed = (['GET', 'POST'] as const).filter((method) => app.hasRoute({ method, url }));
    if (!allowed.length) return reply.code(404).send(refusal(404, `${request.method} ${url} is not here`));
    const allow = allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
    return reply
      .code(405)
      .header('allow', allow)
      .send(refusal(405, `${url} takes ${allow}, not ${request.method}`));
  });
}

/** Answers an address that is none, such as `/%zz`, which Fastify refuses before anything else. */
export function answerBadAddress(_error: FastifyError, { url }: FastifyRequest, reply: FastifyReply): void {
  void reply.code(400).send(refusal(400, `${shorten(url)} is not a valid address`));
}

function wrongType({ headers }: FastifyRequest): string {
  const type = headers['content-type'];
  return `content-type ${type === undefined ? 'is missing; it' : JSON.stringify(type)} must be application/json`;
}

const refusal = (statusCode: number, message: string) => ({
  statusCode,
  error: STATUS_CODES[statusCode],
  message,
});

export const refusalSchema = {
  type: 'object',
  properties: {
    statusCode: { type: 'integer' },
    error: { type: 'string' },
    message: { type: 'string', description: 'What is wrong, the offending value, the rule.' },
  },
};
