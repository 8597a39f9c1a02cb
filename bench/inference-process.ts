import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Generator } from '../inference/node.ts';
import { latents } from '../inference/latent.ts';
import { answerRounds, timed, warm } from './answer-rounds.ts';

/*
 * ganx's side of the inference benchmark: with `--runtime node` on onnxruntime-node, with `wasm` on onnxruntime-web in
 * V8. A round is as many calls as take about `--seconds`.
 */
const { values } = parseArgs({
  options: {
    runtime: { type: 'string' },
    /** Path of the generator. */
    model: { type: 'string' },
    batch: { type: 'string' },
    threads: { type: 'string' },
    seconds: { type: 'string' },
    device: { type: 'string' },
    workers: { type: 'string', default: '0' },
    compile: { type: 'boolean', default: false },
  },
});
const model = values.model!;
const [n, threads, seconds] = [values.batch, values.threads, values.seconds].map(Number) as [
  number,
  number,
  number,
];

/** Draws one batch. */
const draw = await (values.runtime === 'wasm' ? drawerOfWasm() : drawerOfNode());

async function drawerOfNode(): Promise<(seed: number) => Promise<unknown>> {
  const device = values.device === 'cpu' ? 'cpu' : 'cuda';
  const generator = await Generator.load(model, {
    threads,
    device,
    workers: Number(values.workers),
    compile: values.compile,
  });
  const { reason } = generator.backend;
  if (reason !== undefined) throw new Error(reason);
  return (seed) => generator.sample(n, { seed });
}

async function drawerOfWasm(): Promise<(seed: number) => Promise<unknown>> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ['wasm'] });
  const isRandom = session.inputNames.includes('seed');
  return (seed) =>
    session.run({
      z: new ort.Tensor('float32', latents(n, 100, seed), [n, 100]),
      ...(isRandom && { seed: new ort.Tensor('int32', Int32Array.of(seed), []) }),
    });
}

async function drawAll(calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) await draw(i);
}

const calls = await warm(drawAll, seconds);
await answerRounds({}, () => timed(calls, drawAll));
// Threads of wasm would keep the process alive.
process.exit();
