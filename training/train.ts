import { setImmediate as nextTurn } from 'node:timers/promises';
import { latestCheckpoint, pruneCheckpoints, saveCheckpoint } from '../artifacts/checkpoint.ts';
import { InputError, withoutPlace } from '../artifacts/errors.ts';
import { writeFileAtomic } from '../artifacts/files.ts';
import type { JsonObject } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { initialize } from '../graph-builder/initializer.ts';
import { buildProgram } from '../graph-builder/program.ts';
import type { Telemetry, TrainingProgram } from '../graph-builder/program.ts';
import type { OptimizerRecipe, Recipe } from '../graph-builder/recipe.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { checkState } from './check-state.ts';
import { chunkSource, ChunkSize, runBudget } from './chunks.ts';
import type { ImportedNetworks } from './imported.ts';
import type { Dataset } from './data/dataset.ts';
import { deviceName, parseDevice } from './device.ts';
import type { Engine } from './engine/engine.ts';
import { createWorkerEngine } from './engine/worker-engine.ts';
import { loadRuntime } from './engine/onnxruntime.ts';
import type { TrainEvent } from './events.ts';
import { exportNetworks, generatorSources } from './export.ts';
import { driverOf, trainingModels } from './models.ts';
import { divergedState } from './monitor/divergence.ts';
import { Monitor } from './monitor/monitor.ts';
import type { Verdict } from './monitor/verdict.ts';
import { checkTrainOptions } from './options.ts';
import type { TrainOptions } from './options.ts';
import { planRun } from './plan.ts';
import { usefulThreads } from './threads.ts';
import { noProgress, parseProgress, progressToJson } from './progress.ts';
import type { Progress } from './progress.ts';
import { writeReport } from './report.ts';
import { checkSameRun, parseRunConfig, runConfigToJson } from './run-config.ts';
import type { RunConfig } from './run-config.ts';
import { SamplePainter } from './samples.ts';

/** Steps between two lines of log.jsonl. */
const logEvery = 10;
/** Checkpoints kept; older ones are removed. */
const checkpointsKept = 3;
/** A rollback multiplies the learning rates by this. */
const rollbackScale = 0.5;
/** A recipe that diverges this often has another fault than its learning rates. */
const maxRollbacks = 3;

export interface TrainResult {
  /** `stopped` by the signal, with a checkpoint; `diverged` when a loss, a gradient or a weight was lost for good. */
  readonly outcome: 'done' | 'stopped' | 'diverged';
  /** Undefined where the run was stopped before it began: nothing was written then. */
  readonly folder: string | undefined;
  /** Steps trained, those before a resume included; 0 where the run was stopped before it began. */
  readonly step: number;
}

/**
 * Trains a GAN and leaves a run folder: recipe.json, log.jsonl, samples, checkpoints, the exported networks, the
 * training graphs and report.html.
 *
 * @throws InputError for options, data and files that cannot be used; nothing new is left behind then
 */
export async function train(options: TrainOptions = {}): Promise<TrainResult> {
  checkTrainOptions(options);
  // A listener that throws ends the run as a signal does, so that what was trained is kept.
  const broken = new AbortController();
  const signal = AbortSignal.any([broken.signal, ...(options.signal ? [options.signal] : [])]);
  const onEvent = (event: TrainEvent) => {
    try {
      options.onEvent?.(event);
    } catch (error) {
      broken.abort(error);
    }
  };
  const result = await trainUntil({ ...options, signal, onEvent });
  broken.signal.throwIfAborted();
  return result;
}

/** How a run is stopped, and whom it tells. */
interface Listening {
  readonly signal: AbortSignal;
  readonly onEvent: (event: TrainEvent) => void;
}

async function trainUntil(options: TrainOptions & Listening): Promise<TrainResult> {
  let run: Run;
  try {
    run = await setUp(options);
  } catch (error) {
    const { signal } = options;
    if (signal.aborted && error === signal.reason) return { outcome: 'stopped', folder: undefined, step: 0 };
    throw error;
  }
  try {
    return await runSteps(run);
  } finally {
    await run.engine.dispose();
  }
}

/** Makes all that a run needs. The folder comes last: what does not work or is stopped before leaves none behind. */
async function setUp(options: TrainOptions & Listening): Promise<Run> {
  const { signal, onEvent } = options;
  const { config, dataset, imports, resumed, createFolder, deadlineMinutes } = await planRun(options);
  const program = buildProgram(config.recipe, config.sample, imports.networks(config.sample));
  const device = parseDevice(config.device);
  const models = trainingModels(program, device);
  await loadRuntime();
  const start = resumed
    ? await resumedState(resumed, config, program, options)
    : await freshState(program, config.seed, signal);
  const threads = usefulThreads(program, config.threads);
  const engine = createWorkerEngine({
    driver: driverOf(device),
    trainingModel: models.engine,
    layouts: models.layouts,
    samplerModel: models.sampler,
    samplerWeights: generatorSources(program),
    device,
    threads,
  });
  let made: RunFolder | undefined;
  try {
    await engine.ready().catch((cause: unknown) => {
      throw new InputError(
        `--device: ${deviceName(device)} does not work here (${withoutPlace((cause as Error).message)}); "ganx doctor" tells what is missing`,
        { cause },
      );
    });
    await engine.restore(start.tensors);
    signal.throwIfAborted();
    made = resumed ? undefined : await createFolder();
    const folder = resumed ?? made!;
    await folder.writeRecipe(runConfigToJson(config));
    if (made) await imports.copyTo(made);
    await folder.writeSkipped(dataset.skipped);
    if (resumed) await cutBack(folder, start.step, start.progress.verdicts);
    await writeFileAtomic(folder.trainingStep, models.step);
    await writeFileAtomic(folder.trainingLoop, models.loop);
    onEvent(startEvent(config, program, dataset, folder, threads, start.step));
    for (const message of imports.notes(config.sample)) onEvent({ type: 'note', message });
    const { step, progress } = start;
    return {
      imports,
      config,
      program,
      dataset,
      folder,
      engine,
      threads,
      start: { step, progress },
      deadlineMinutes,
      onEvent,
      signal,
      options,
    };
  } catch (error) {
    await engine.dispose();
    await made?.discardIfEmpty();
    throw error;
  }
}

/** How far training has come. */
interface Position {
  readonly step: number;
  readonly progress: Progress;
}

/** A state to train from; its tensors go to the engine. */
interface Start extends Position {
  readonly tensors: ReadonlyMap<string, Tensor>;
}

interface Run {
  readonly imports: ImportedNetworks;
  readonly config: RunConfig;
  readonly program: TrainingProgram;
  readonly dataset: Dataset;
  readonly folder: RunFolder;
  readonly engine: Engine;
  /** Threads that it has, which are part of the result. */
  readonly threads: number;
  readonly start: Position;
  readonly deadlineMinutes: number | undefined;
  readonly onEvent: (event: TrainEvent) => void;
  readonly signal: AbortSignal;
  readonly options: TrainOptions;
}

async function runSteps(run: Run): Promise<TrainResult> {
  const { config, program, imports, dataset, folder, engine, start, onEvent, signal } = run;
  const { sampleEvery = 250, checkpointEvery = 1000 } = run.options;
  const { recipe } = config;
  const samples = program.samplesPerStep;
  const total = config.steps;

  // Loop state
  let step = start.step;
  let { rateScale, verdicts } = start.progress;
  let monitor = new Monitor(withRates(recipe, rateScale), start.progress.monitor);
  let saved = start.step > 0 ? start.step : -1;
  let drawn = -1;
  let busy = 0;
  const size = new ChunkSize(runBudget);
  const painter = new SamplePainter(program, dataset);
  const began = performance.now();
  const seconds = () => start.progress.seconds + (performance.now() - began) / 1000;
  const outOfTime = () =>
    run.deadlineMinutes !== undefined && performance.now() - began >= run.deadlineMinutes * 60_000;

  const tell = async (verdict: Verdict) => {
    verdicts = [...verdicts, verdict];
    await folder.writeVerdicts(verdictsToJson(verdicts));
    onEvent({ type: 'verdict', ...verdict });
  };
  /** Saves the state, or tells why it is not worth saving. */
  const checkpoint = async (): Promise<Verdict | undefined> => {
    if (saved === step) return undefined;
    const tensors = await engine.state();
    const diverged = divergedState(step, tensors, withRates(recipe, rateScale));
    if (diverged) return diverged;
    const progress = { seconds: seconds(), rateScale, monitor: monitor.state, verdicts: [...verdicts] };
    const manifest = {
      config: runConfigToJson(config),
      position: step * samples,
      threads: run.threads,
      ...progressToJson(progress),
    };
    const path = await saveCheckpoint(folder.path, { step, manifest, tensors });
    await pruneCheckpoints(folder.path, checkpointsKept);
    saved = step;
    onEvent({ type: 'checkpoint', step, folder: path });
    return undefined;
  };
  const sample = async () => {
    if (drawn === step) return;
    const { png, diversity } = await painter.paint(engine);
    drawn = step;
    onEvent({ type: 'sample', step, file: await folder.writeSample(step, png), diversity });
    // Not where a run happens to end: its verdicts would differ from those of a longer one.
    if (step === 0 || step % sampleEvery !== 0) return;
    for (const verdict of monitor.observeGrid(step, diversity)) await tell(verdict);
  };
  /** Steps of the next run: up to the end, the next sample or the next checkpoint, within the time budget. */
  const nextSteps = (from: number) => {
    const until = (every: number) => (every > 0 ? every - (from % every) : Infinity);
    const moveEvery = Number.isFinite(program.moveEvery) ? program.moveEvery : 0;
    return Math.min(size.steps, total - from, until(sampleEvery), until(checkpointEvery), until(moveEvery));
  };
  /** Logs and judges the steps from here on; the first that shows divergence ends them, and is not counted. */
  const takeIn = async (measured: readonly Telemetry[]): Promise<Verdict | undefined> => {
    for (const values of measured) {
      const at = step + 1;
      for (const verdict of monitor.observe(at, values)) {
        if (verdict.rule === 'divergence') return verdict;
        await tell(verdict);
      }
      step = at;
      if (at % logEvery === 0 || at === total)
        await folder.appendLog({
          step: at,
          images: at * samples,
          seconds: Number(seconds().toFixed(3)),
          ...values,
        });
    }
    return undefined;
  };

  /** Trains until the end, a signal or the time limit, with a checkpoint then; or until training diverges. */
  const advance = async (): Promise<Verdict | undefined> => {
    if (step === 0 && sampleEvery > 0) await sample();
    const chunkAt = chunkSource(program, dataset, config.seed, rateScale);
    let next = step < total ? chunkAt(step, nextSteps(step)) : undefined;
    while (next && step < total && !signal.aborted && !outOfTime()) {
      const chunk = next;
      const moves = program.movesAt(step);
      if (moves.length) await engine.move(moves);
      const running = engine.run(chunk);
      const after = step + chunk.steps;
      // Prepared while the worker computes. Its size follows the run before this one.
      next = after < total ? chunkAt(after, nextSteps(after)) : undefined;
      const { telemetry, milliseconds } = await running;
      busy += milliseconds;
      size.observe(chunk.steps, milliseconds);

      const measured = readTelemetry(program, telemetry, chunk.steps);
      const diverged = await takeIn(measured);
      if (diverged) return diverged;
      onEvent({
        type: 'step',
        step,
        steps: total,
        images: step * samples,
        seconds: seconds(),
        imagesPerSecond: (chunk.steps * samples * 1000) / milliseconds,
        ...measured.at(-1)!,
      });
      if (sampleEvery > 0 && step % sampleEvery === 0 && step < total) await sample();
      if (checkpointEvery > 0 && step % checkpointEvery === 0 && step < total) {
        const lost = await checkpoint();
        if (lost) return lost;
      }
    }
    await sample();
    return checkpoint();
  };
  /** Goes on from the last checkpoint, or from the start, with lower learning rates. */
  const rollBack = async (diverged: Verdict) => {
    const good =
      (await lastGoodState(folder, config, program, onEvent)) ?? (await freshState(program, config.seed));
    await engine.restore(good.tensors);
    step = good.step;
    rateScale *= rollbackScale;
    monitor = new Monitor(withRates(recipe, rateScale), good.progress.monitor);
    [saved, drawn] = [-1, -1];
    // What was said of steps that are undone goes with them; the rollbacks stay.
    verdicts = verdicts.filter((verdict) => verdict.step <= step || verdict.rolledBackTo !== undefined);
    await cutBack(folder, step, verdicts);
    await tell({ ...diverged, rolledBackTo: step });
    onEvent({ type: 'rollback', step: diverged.step, to: step, rateScale });
  };

  let diverged = await advance();
  const leastScale = rollbackScale ** maxRollbacks;
  while (diverged && run.options.onDiverge === 'rollback' && rateScale > leastScale && !signal.aborted) {
    await rollBack(diverged);
    diverged = await advance();
  }
  const trained = (state: ReadonlyMap<string, Tensor>, steps: number) => ({
    program,
    imports,
    classes: config.classes,
    state,
    steps,
  });
  const outcome = diverged ? 'diverged' : step < total && signal.aborted ? 'stopped' : 'done';
  if (diverged) {
    const rollback = run.options.onDiverge === 'rollback' ? '' : ' or --on-diverge rollback';
    await tell({ ...diverged, advice: `${diverged.advice}${rollback}` });
    const { checkpoint: last } = await latestCheckpoint(folder.path);
    saved = last?.step ?? -1;
    if (last) await exportNetworks(folder, trained(last.tensors, last.step));
  } else await exportNetworks(folder, trained(await engine.state(), step));
  const hostShare = busy > 0 ? Math.max(0, 1 - busy / (performance.now() - began)) : 0;
  await writeReport(folder, config, outcome, verdicts);
  onEvent({
    type: 'end',
    outcome,
    step,
    images: step * samples,
    seconds: seconds(),
    folder: folder.path,
    checkpoint: saved < 0 ? null : saved,
    hostShare,
  });
  return { outcome, folder: folder.path, step };
}

async function freshState(program: TrainingProgram, seed: number, signal?: AbortSignal): Promise<Start> {
  const tensors = new Map<string, Tensor>();
  for (const spec of program.state) {
    tensors.set(spec.name, initialize(spec, seed));
    // Large networks take long; a signal is heard in between.
    await nextTurn();
    signal?.throwIfAborted();
  }
  return { step: 0, tensors, progress: noProgress };
}

/** The state that `--resume` goes on from; a run that has not come to its first checkpoint starts anew. */
async function resumedState(
  folder: RunFolder,
  config: RunConfig,
  program: TrainingProgram,
  { onEvent, signal }: Listening,
): Promise<Start> {
  const start = await lastGoodState(folder, config, program, onEvent);
  signal.throwIfAborted();
  if (!start) {
    onEvent({
      type: 'warning',
      message: `${folder.path}: no checkpoint to resume from; starts at step 0`,
    });
    return freshState(program, config.seed, signal);
  }
  if (start.step > config.steps)
    throw new InputError(
      `${folder.path}: is at step ${start.step} already, beyond the ${config.steps} asked for; ask for more`,
    );
  return start;
}

/**
 * The newest checkpoint that is whole; undefined where there is none at all.
 *
 * @throws InputError where there are some and all are damaged: going on from the start would write over them
 */
async function lastGoodState(
  folder: RunFolder,
  config: RunConfig,
  program: TrainingProgram,
  onEvent: (event: TrainEvent) => void,
): Promise<Start | undefined> {
  const { checkpoint, passedOver } = await latestCheckpoint(folder.path);
  if (!checkpoint) {
    const [newest] = passedOver;
    if (!newest) return undefined;
    throw new InputError(
      `${folder.path}: none of its ${passedOver.length} checkpoints can be used; ${newest.reason}`,
    );
  }
  for (const { folder: path, reason } of passedOver)
    onEvent({ type: 'warning', message: `${path}: passed over (${reason})` });
  checkSameRun(parseRunConfig(checkpoint.manifest.config, checkpoint.folder), config, checkpoint.folder);
  checkState(program, checkpoint.tensors, checkpoint.folder);
  return {
    step: checkpoint.step,
    tensors: checkpoint.tensors,
    progress: parseProgress(checkpoint.manifest, checkpoint.folder),
  };
}

/** The recipe as it is trained after rollbacks: what the monitor's advice has to start from. */
function withRates(recipe: Recipe, rateScale: number): Recipe {
  const scaled = (optimizer: OptimizerRecipe) => ({
    ...optimizer,
    learningRate: optimizer.learningRate * rateScale,
  });
  const { generator, discriminator } = recipe.optimizer;
  return {
    ...recipe,
    optimizer: { generator: scaled(generator), discriminator: scaled(discriminator) },
  };
}

/** Takes what came after a step out of the log and the verdicts: it will be written again. */
async function cutBack(folder: RunFolder, step: number, verdicts: readonly Verdict[]): Promise<void> {
  await folder.truncateLog(step);
  await folder.writeVerdicts(verdictsToJson(verdicts));
}

const verdictsToJson = (verdicts: readonly Verdict[]) => verdicts as unknown as readonly JsonObject[];

function readTelemetry(
  { telemetry: names }: TrainingProgram,
  rows: Float32Array,
  steps: number,
): Telemetry[] {
  const width = names.length;
  return Array.from(
    { length: steps },
    (_, k) => Object.fromEntries(names.map((name, i) => [name, rows[k * width + i]!])) as Telemetry,
  );
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
      ...(program.encoder ? { encoder: count(program.encoder.parameters) } : {}),
    },
  };
}
