import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { Generator } from '../inference/node.ts';
import { latents } from '../inference/latent.ts';
import type { Farewell, Round } from './contestant.ts';

/*
 * ganx's side of the inference benchmark: `node inference-process.js RUNTIME MODEL BATCH THREADS SECONDS`, with RUNTIME
 * cpu (onnxruntime-node) or wasm (onnxruntime-web in V8). A round is as many calls as take about SECONDS.
 */
const [runtime, model, batch, threads, seconds] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const n = Number(batch);

/** Draws one batch. */
const draw = await (runtime === 'wasm' ? drawerOfWasm() : drawerOfNode());

async function drawerOfNode(): Promise<(seed: number) => Promise<unknown>> {
  const generator = await Generator.load(model, { threads: Number(threads) });
  return (seed) => generator.sample(n, { seed });
}

async function drawerOfWasm(): Promise<(seed: number) => Promise<unknown>> {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = Number(threads);
  const session = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ['wasm'] });
  const isRandom = session.inputNames.includes('seed');
  return (seed) =>
    session.run({
      z: new ort.Tensor('float32', latents(n, 100, seed), [n, 100]),
      ...(isRandom && { seed: new ort.Tensor('int32', Int32Array.of(seed), []) }),
    });
}

async function round(steps: number): Promise<Round> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  for (let i = 0; i < steps; i++) await draw(i);
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuStart);
  return { steps, milliseconds, cpuMilliseconds: (user + system) / 1000 };
}

const say = (answer: object) => {
  console.log(JSON.stringify(answer));
};

let { steps, milliseconds } = await round(2);
for (let i = 0; i < 3; i++) {
  const fitting = Math.round((Number(seconds) * 1000 * steps) / milliseconds);
  ({ steps, milliseconds } = await round(Math.max(1, Math.min(fitting, steps * 20))));
}
say({});
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'round') break;
  say(await round(steps));
}
// ru_maxrss is in kilobytes everywhere in Node.
say({ peakBytes: process.resourceUsage().maxRSS * 1024 } satisfies Farewell);
// Threads of wasm would keep the process alive.
process.exit();
