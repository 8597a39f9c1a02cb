import { randomFillSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import type * as Ort from 'onnxruntime-node';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { sizeOf } from '../graph-builder/shape.ts';
import { tensor } from '../graph-builder/types.ts';
import { chunkSource } from '../training/chunks.ts';
import type { Dataset } from '../training/data/dataset.ts';
import { loadRuntime, sessionOptions, toOrt } from '../training/engine/onnxruntime.ts';
import { release } from '../training/engine/release.ts';
import { usefulThreads } from '../training/threads.ts';
import type { Case } from './cases.ts';
import type { Farewell, Round } from './contestant.ts';

/*
 * ganx's side of the step benchmark: `node ganx-process.js CASE THREADS SAMPLES SECONDS SESSION`, where CASE and
 * SESSION (session options that differ from those of training) are JSON. A round is one run of the training loop that
 * takes about SECONDS, with the gathering of its data.
 */
const [caseJson, threads, samples, seconds, sessionJson] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const { recipe, sample } = JSON.parse(caseJson) as Case;
const seed = 1;

const program = buildProgram(recipe, sample);
const used = usefulThreads(program, Number(threads));
const ort = await loadRuntime();
const session = await ort.InferenceSession.create(encodeModel(compile(program.loopGraph(), 'cpu')), {
  ...sessionOptions({ kind: 'cpu', index: 0 }, used),
  ...(JSON.parse(sessionJson) as Ort.InferenceSession.SessionOptions),
});
let state = new Map(program.state.map((spec) => [spec.name, toOrt(ort, initialize(spec, seed))]));
let step = 0;

const dataset: Dataset = {
  name: 'noise',
  kind: 'images',
  count: Number(samples),
  sampleShape: sample.shape,
  dtype: 'uint8',
  classes: [],
  labels: undefined,
  skipped: [],
  data: randomFillSync(new Uint8Array(Number(samples) * sizeOf(sample.shape))),
};
const chunkAt = chunkSource(program, dataset, seed);

async function round(steps: number): Promise<Round> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  const chunk = chunkAt(step, steps);
  const feeds: Record<string, Ort.Tensor> = {
    ...Object.fromEntries(state),
    real: toOrt(ort, chunk.real),
    controls: toOrt(ort, chunk.controls),
    seed: toOrt(ort, tensor('int32', [seed], [])),
    step: toOrt(ort, tensor('int32', [step], [])),
    steps: toOrt(ort, tensor('int64', [steps], [])),
  };
  const inside = performance.now();
  const results = await session.run(feeds);
  const runtimeMilliseconds = performance.now() - inside;
  release(state.values());
  state = new Map([...state.keys()].map((name) => [name, results[`next/${name}`]!]));
  step += steps;
  if (!(results.telemetry!.data as Float32Array).every(Number.isFinite))
    throw new Error('training has diverged');
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuStart);
  return { steps, milliseconds, runtimeMilliseconds, cpuMilliseconds: (user + system) / 1000 };
}

const say = (answer: object) => {
  console.log(JSON.stringify(answer));
};

let { steps, milliseconds } = await round(2);
for (let i = 0; i < 3; i++) {
  const fitting = Math.round((Number(seconds) * 1000 * steps) / milliseconds);
  ({ steps, milliseconds } = await round(Math.max(1, Math.min(fitting, steps * 8))));
}
say({ threads: used });
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'round') break;
  say(await round(steps));
}
// ru_maxrss is in kilobytes everywhere in Node.
say({ peakBytes: process.resourceUsage().maxRSS * 1024 } satisfies Farewell);
await session.release();
