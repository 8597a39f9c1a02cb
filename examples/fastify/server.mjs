// A generator as a route of your own server: GET /sample.png?seed=7&n=4
//
//   npm install && GENERATOR=generator.onnx npm start

import Fastify from 'fastify';
import { Generator, InputError } from 'ganx/inference';

const generator = await Generator.load(process.env.GENERATOR ?? 'generator.onnx');
const app = Fastify({ logger: true });

const querystring = {
  type: 'object',
  properties: {
    seed: { type: 'integer', default: 0 },
    n: { type: 'integer', minimum: 1, maximum: 64, default: 1 },
  },
};

app.get('/sample.png', { schema: { querystring } }, async ({ query: { n, seed } }, reply) => {
  const png = await generator.toPng(await generator.sample(n, { seed }));
  // The same seed is the same picture for ever.
  return reply.type('image/png').header('cache-control', 'public, max-age=31536000, immutable').send(png);
});

app.setErrorHandler((error, _request, reply) => {
  const status = error instanceof InputError ? 400 : (error.statusCode ?? 500);
  return reply.code(status).send({ message: error.message });
});

// What was accepted is answered, then the model is let go.
app.addHook('onClose', () => generator.dispose());
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close());

await app.listen({ port: Number(process.env.PORT ?? 3000) });
