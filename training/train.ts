import { latestCheckpoint, pruneCheckpoints, saveCheckpoint } from '../artifacts/checkpoint.ts';
import { InputError } from '../artifacts/errors.ts';
import { writeFileAtomic } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram, telemetryNames } from '../graph-builder/program.ts';
import type { Telemetry, TrainingProgram } from '../graph-builder/program.ts';
import { formatType } from '../graph-builder/shape.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { chunkSource, ChunkSize } from './chunks.ts';
import type { Dataset } from './data/dataset.ts';
import { deviceName, parseDevice } from './device.ts';
import type { Engine } from './engine/engine.ts';
import { createWorkerEngine } from './engine/worker-engine.ts';
import { loadRuntime } from './engine/onnxruntime.ts';
import type { TrainEvent } from './events.ts';
import { exportNetworks, generatorSources } from './export.ts';
import { trainingModels } from './models.ts';
import { usefulThreads } from './threads.ts';
import { planRun } from './plan.ts';
import type { TrainOptions } from './plan.ts';
import { writeReport } from './report.ts';
import { checkSameRun, parseRunConfig, runConfigToJson } from './run-config.ts';
import type { RunConfig } from './run-config.ts';
import { SamplePainter } from './samples.ts';

/** Steps between two lines of log.jsonl. */
const logEvery = 10;
/** Checkpoints kept; older ones are removed. */
const checkpointsKept = 3;
/** Milliseconds a run of the loop may take: long enough that what it costs outside vanishes, short enough for Ctrl-C. */
const runBudget = 500;

export interface TrainResult {
  /** `stopped` by the signal, with a checkpoint; `diverged` when a loss or a gradient was no longer finite. */
  readonly outcome: 'done' | 'stopped' | 'diverged';
  readonly folder: string;
  readonly step: number;
}

/**
 * Trains a GAN and leaves a run folder: recipe.json, log.jsonl, samples, checkpoints, the exported networks, the
 * training graphs and report.html.
 *
 * @throws InputError for options, data and files that cannot be used; nothing new is left behind then
 */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  const { onEvent = () => undefined, signal } = options;
  const { config, dataset, folderPath, resumed, deadlineMinutes } = await planRun(options);
  const program = buildProgram(config.recipe, config.sample);
  const device = parseDevice(config.device);
  const models = trainingModels(program, device);

  await loadRuntime();
  const folder = resumed ? await RunFolder.open(folderPath) : await RunFolder.create(folderPath);
  const start = resumed
    ? await resumeState(folder, config, program, onEvent)
    : freshState(program, config.seed);
  const threads = usefulThreads(program, options.threads ?? config.threads);
  const engine = createWorkerEngine({
    driver: device.kind === 'webgpu' ? 'step' : 'loop',
    trainingModel: device.kind === 'webgpu' ? models.step : models.loop,
    samplerModel: models.sampler,
    samplerWeights: generatorSources(program),
    state: start.tensors,
    device,
    threads,
  });
  try {
    if (!resumed) {
      // The session is made first: a device that does not work leaves no folder behind.
      await engine.ready().catch((cause: unknown) => {
        throw new InputError(
          `--device: ${deviceName(device)} does not work here: ${(cause as Error).message}`,
          { cause },
        );
      });
      await folder.writeRecipe(runConfigToJson(config));
    }
    await writeFileAtomic(folder.trainingStep, models.step);
    await writeFileAtomic(folder.trainingLoop, models.loop);
    onEvent(startEvent(config, program, dataset, folder, threads, start.step));
    return await runSteps({
      config,
      program,
      dataset,
      folder,
      engine,
      start,
      deadlineMinutes,
      onEvent,
      signal,
      options,
    });
  } catch (error) {
    await folder.discardIfEmpty();
    throw error;
  } finally {
    await engine.dispose();
  }
}

interface Start {
  readonly step: number;
  /** Trained before, in seconds. */
  readonly seconds: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

interface Run {
  readonly config: RunConfig;
  readonly program: TrainingProgram;
  readonly dataset: Dataset;
  readonly folder: RunFolder;
  readonly engine: Engine;
  readonly start: Start;
  readonly deadlineMinutes: number | undefined;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal | undefined;
  readonly options: TrainOptions;
}

async function runSteps(run: Run): Promise<TrainResult> {
  const { config, program, dataset, folder, engine, start, onEvent, signal } = run;
  const { sampleEvery = 250, checkpointEvery = 1000 } = run.options;
  const { batch } = config.recipe;
  const total = config.steps;

  // Loop state
  let step = start.step;
  let saved = start.step > 0 ? start.step : -1;
  let outcome: TrainResult['outcome'] = 'done';
  let busy = 0;
  const chunkAt = chunkSource(program, dataset, config.seed);
  const size = new ChunkSize(runBudget);
  const painter = new SamplePainter(program, dataset);
  const began = performance.now();
  const seconds = () => start.seconds + (performance.now() - began) / 1000;
  const outOfTime = () =>
    run.deadlineMinutes !== undefined && performance.now() - began >= run.deadlineMinutes * 60_000;

  const checkpoint = async () => {
    if (saved === step) return;
    const manifest = { config: runConfigToJson(config), seconds: seconds(), position: step * batch };
    const path = await saveCheckpoint(folder.path, { step, manifest, tensors: await engine.state() });
    await pruneCheckpoints(folder.path, checkpointsKept);
    saved = step;
    onEvent({ type: 'checkpoint', step, folder: path });
  };
  const sample = async () => {
    onEvent({ type: 'sample', step, file: await folder.writeSample(step, await painter.paint(engine)) });
  };
  /** Steps of the next run: up to the end, the next sample or the next checkpoint, within the time budget. */
  const nextSteps = (from: number) => {
    const until = (every: number) => (every > 0 ? every - (from % every) : Infinity);
    return Math.min(size.steps, total - from, until(sampleEvery), until(checkpointEvery));
  };

  if (step === 0 && sampleEvery > 0) await sample();
  let next = step < total ? chunkAt(step, nextSteps(step)) : undefined;
  while (next && step < total && !signal?.aborted && !outOfTime()) {
    const chunk = next;
    const running = engine.run(chunk);
    const after = step + chunk.steps;
    // Prepared while the worker computes. Its size follows the run before this one.
    next = after < total ? chunkAt(after, nextSteps(after)) : undefined;
    const { telemetry, milliseconds } = await running;
    busy += milliseconds;
    size.observe(chunk.steps, milliseconds);

    const measured = readTelemetry(telemetry, chunk.steps);
    const bad = measured.findIndex((values) =>
      Object.values(values).some((value) => !Number.isFinite(value)),
    );
    const good = bad < 0 ? measured : measured.slice(0, bad);
    for (const [k, values] of good.entries()) {
      const at = step + k + 1;
      if (at % logEvery !== 0 && at !== total) continue;
      await folder.appendLog({
        step: at,
        images: at * batch,
        seconds: Number(seconds().toFixed(3)),
        ...values,
      });
    }
    if (bad >= 0) {
      onEvent({ type: 'warning', message: divergence(step + bad + 1, measured[bad]!) });
      step += bad;
      outcome = 'diverged';
      break;
    }
    step = after;
    onEvent({
      type: 'step',
      step,
      steps: total,
      images: step * batch,
      seconds: seconds(),
      imagesPerSecond: (chunk.steps * batch * 1000) / milliseconds,
      ...measured.at(-1)!,
    });
    if (sampleEvery > 0 && step % sampleEvery === 0 && step < total) await sample();
    if (checkpointEvery > 0 && step % checkpointEvery === 0 && step < total) await checkpoint();
  }
  const hostShare = busy > 0 ? Math.max(0, 1 - busy / (performance.now() - began)) : 0;
  if (outcome !== 'diverged') {
    if (step < total && signal?.aborted) outcome = 'stopped';
    await sample();
    await checkpoint();
    await exportNetworks(folder, program, await engine.state(), step);
  } else {
    const { checkpoint: last } = await latestCheckpoint(folder.path);
    if (last) await exportNetworks(folder, program, last.tensors, last.step);
  }
  await writeReport(folder, config, outcome);
  onEvent({
    type: 'end',
    outcome,
    step,
    images: step * batch,
    seconds: seconds(),
    folder: folder.path,
    hostShare,
  });
  return { outcome, folder: folder.path, step };
}

function freshState(program: TrainingProgram, seed: number): Start {
  return {
    step: 0,
    seconds: 0,
    tensors: new Map(program.state.map((spec) => [spec.name, initialize(spec, seed)])),
  };
}

/** The newest checkpoint that is whole; the log is cut back to it. */
async function resumeState(
  folder: RunFolder,
  config: RunConfig,
  program: TrainingProgram,
  onEvent: (event: TrainEvent) => void,
): Promise<Start> {
  const { checkpoint, passedOver } = await latestCheckpoint(folder.path);
  for (const { folder: path, reason } of passedOver)
    onEvent({ type: 'warning', message: `${path}: passed over (${reason})` });
  if (!checkpoint) {
    onEvent({ type: 'warning', message: `${folder.path}: no checkpoint to resume from; starts at step 0` });
    await folder.truncateLog(0);
    return freshState(program, config.seed);
  }
  checkSameRun(parseRunConfig(checkpoint.manifest.config, checkpoint.folder), config, checkpoint.folder);
  for (const { name, shape, dtype } of program.state) {
    const found = checkpoint.tensors.get(name);
    const [is, expected] = [found && formatType(found), formatType({ dtype, shape })];
    if (is !== expected)
      throw new InputError(
        `${checkpoint.folder}: tensor ${name} is ${is ?? 'missing'}, expected ${expected}`,
      );
  }
  await folder.truncateLog(checkpoint.step);
  const { seconds } = checkpoint.manifest;
  return {
    step: checkpoint.step,
    seconds: typeof seconds === 'number' ? seconds : 0,
    tensors: checkpoint.tensors,
  };
}

function readTelemetry(rows: Float32Array, steps: number): Telemetry[] {
  const width = telemetryNames.length;
  return Array.from(
    { length: steps },
    (_, k) => Object.fromEntries(telemetryNames.map((name, i) => [name, rows[k * width + i]!])) as Telemetry,
  );
}

function divergence(step: number, values: Telemetry): string {
  const names = telemetryNames.filter((name) => !Number.isFinite(values[name]));
  return `training diverged at step ${step}: ${names.map((name) => `${name} is ${values[name]}`).join(', ')}; lower the learning rates (--set optimizer.discriminator.learningRate=1e-4) or soften the labels`;
}

function startEvent(
  config: RunConfig,
  program: TrainingProgram,
  dataset: Dataset,
  folder: RunFolder,
  threads: number,
  fromStep: number,
): TrainEvent {
  const count = (specs: readonly { shape: readonly number[] }[]) =>
    specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return {
    type: 'start',
    folder: folder.path,
    recipe: config.recipe.name,
    data: dataset.name,
    samples: dataset.count,
    sampleShape: dataset.sampleShape,
    skipped: dataset.skipped,
    device: deviceName(parseDevice(config.device)),
    threads,
    fromStep,
    steps: config.steps,
    batch: config.recipe.batch,
    parameters: {
      generator: count(program.generator.parameters),
      discriminator: count(program.discriminator.parameters),
    },
  };
}
