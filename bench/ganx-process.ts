import { randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { encodeModel } from '../artifacts/onnx/encode.ts';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram } from '../graph-builder/program.ts';
import { compile } from '../graph-builder/rewrites/index.ts';
import { storeAsUsed } from '../graph-builder/rewrites/store-as-used.ts';
import { sizeOf } from '../graph-builder/shape.ts';
import { ChunkSize, chunkSource, mostSteps, runBudget } from '../training/chunks.ts';
import type { Dataset } from '../training/data/dataset.ts';
import { parseDevice } from '../training/device/device.ts';
import { createWorkerEngine } from '../training/engine/worker-engine.ts';
import { isResident } from '../training/engine/resident-data.ts';
import { engineSpec, trainingModels } from '../training/models.ts';
import { usefulThreads } from '../training/threads.ts';
import { answerRounds } from './answer-rounds.ts';
import type { Case } from './cases.ts';
import type { Round } from './contestant.ts';

/*
 * ganx's side of the step benchmark. A round is as many runs of the training model, each as long as training makes
 * them, as take about `--seconds`, with the gathering of their data.
 */
const { values } = parseArgs({
  options: {
    /** A {@link Case} as JSON. */
    case: { type: 'string' },
    threads: { type: 'string' },
    /** Samples in memory. */
    samples: { type: 'string' },
    seconds: { type: 'string' },
    device: { type: 'string' },
    /** `step` for one run a step, on a device that is trained by the loop. */
    driver: { type: 'string' },
  },
});
const { recipe, sample } = JSON.parse(values.case!) as Case;
const [threads, samples, seconds] = [values.threads, values.samples, values.seconds].map(Number) as [
  number,
  number,
  number,
];
const seed = 1;

const program = buildProgram(recipe, sample);
const used = usefulThreads(program, threads);
const device = parseDevice(values.device!);
const dataset: Dataset = {
  name: 'noise',
  kind: 'images',
  count: samples,
  sampleShape: sample.shape,
  dtype: 'uint8',
  classes: [],
  labels: undefined,
  skipped: [],
  data: randomFillSync(new Uint8Array(samples * sizeOf(sample.shape))),
};
const resident = values.driver !== 'step' && isResident(device, dataset);
const models = trainingModels(program, device, undefined, resident ? dataset : undefined);
const spec = engineSpec(program, device, used, models);
const engine = createWorkerEngine(values.driver === 'step' ? { ...spec, ...stepModel() } : spec);
await engine.ready();
await engine.restore(new Map(program.state.map((each) => [each.name, initialize(each, seed)])));

/** One step a run, compiled and stored as the loop on CPU is: what differs is the driver alone. */
function stepModel() {
  const { graph, layouts } = storeAsUsed(compile(program.stepGraph(), 'cpu'));
  return { driver: 'step', trainingModel: encodeModel(graph, { hidesExtents: true }), layouts } as const;
}

const chunkAt = chunkSource(program, dataset, seed, { resident });

const size = new ChunkSize(runBudget(device), resident ? Infinity : mostSteps(program, dataset));
let next = chunkAt(0, 1);

async function round(): Promise<Round> {
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let runtimeMilliseconds = 0;
  let steps = 0;
  do {
    const chunk = next;
    const running = engine.run(chunk);
    // As in training, the data of the next run are prepared meanwhile.
    next = chunkAt(chunk.step + chunk.steps, size.steps);
    const { telemetry, milliseconds } = await running;
    if (!telemetry.every(Number.isFinite)) throw new Error('training has diverged');
    size.observe(chunk.steps, milliseconds);
    runtimeMilliseconds += milliseconds;
    steps += chunk.steps;
  } while (performance.now() - start < seconds * 1000);
  const milliseconds = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuStart);
  const cpuMilliseconds = (user + system) / 1000;
  return {
    steps,
    milliseconds,
    runtimeMilliseconds,
    cpuMilliseconds,
    residentBytes: process.memoryUsage.rss(),
  };
}

// The first runs are slow, and find out how long a run may be.
for (let i = 0; i < 2; i++) await round();
await answerRounds({ threads: used, inHalves: models.inHalves }, round, values.device);
await engine.dispose();
