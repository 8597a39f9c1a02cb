import { randomFillSync } from 'node:crypto';
import { createInterface } from 'node:readline';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram } from '../graph-builder/program.ts';
import { sizeOf } from '../graph-builder/shape.ts';
import { ChunkSize, chunkSource, runBudget } from '../training/chunks.ts';
import type { Dataset } from '../training/data/dataset.ts';
import { createLocalEngine } from '../training/engine/local-engine.ts';
import { generatorSources } from '../training/export.ts';
import { driverOf, trainingModels } from '../training/models.ts';
import { usefulThreads } from '../training/threads.ts';
import type { Case } from './cases.ts';
import type { Farewell, Round } from './contestant.ts';

/*
 * ganx's side of the step benchmark: `node ganx-process.js CASE THREADS SAMPLES SECONDS`, where CASE is JSON. A round
 * is as many runs of the training loop, each as long as training makes them, as take about SECONDS, with the gathering
 * of their data.
 */
const [caseJson, threads, samples, seconds] = process.argv.slice(2) as [string, string, string, string];
const { recipe, sample } = JSON.parse(caseJson) as Case;
const seed = 1;

const program = buildProgram(recipe, sample);
const used = usefulThreads(program, Number(threads));
const device = { kind: 'cpu', index: 0 } as const;
const { engine: trainingModel, layouts, sampler: samplerModel } = trainingModels(program, device);
const engine = await createLocalEngine({
  driver: driverOf(device),
  trainingModel,
  layouts,
  samplerModel,
  samplerWeights: generatorSources(program),
  device,
  threads: used,
});
await engine.restore(new Map(program.state.map((spec) => [spec.name, initialize(spec, seed)])));

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

const size = new ChunkSize(runBudget);
let step = 0;

async function round(): Promise<Round> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let runtimeMilliseconds = 0;
  let steps = 0;
  do {
    const chunk = chunkAt(step, size.steps);
    const { telemetry, milliseconds } = await engine.run(chunk);
    if (!telemetry.every(Number.isFinite)) throw new Error('training has diverged');
    size.observe(chunk.steps, milliseconds);
    runtimeMilliseconds += milliseconds;
    steps += chunk.steps;
    step += chunk.steps;
  } while (performance.now() - start < Number(seconds) * 1000);
  const { user, system } = process.cpuUsage(cpuStart);
  return {
    steps,
    milliseconds: performance.now() - start,
    runtimeMilliseconds,
    cpuMilliseconds: (user + system) / 1000,
  };
}

const say = (answer: object) => {
  console.log(JSON.stringify(answer));
};

// The first runs are slow, and find out how long a run may be.
for (let i = 0; i < 2; i++) await round();
say({ threads: used });
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== 'round') break;
  say(await round());
}
// ru_maxrss is in kilobytes everywhere in Node.
say({ peakBytes: process.resourceUsage().maxRSS * 1024 } satisfies Farewell);
await engine.dispose();
