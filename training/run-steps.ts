import { latestCheckpoint } from '../artifacts/checkpoint.ts';
import type { Telemetry, TrainingProgram } from '../graph-builder/program.ts';
import type { Recipe } from '../graph-builder/recipe.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { chunkSource, ChunkSize, mostSteps, runBudget } from './chunks.ts';
import { Course } from './course.ts';
import { parseDevice } from './device/device.ts';
import { exportNetworks } from './export.ts';
import { explained, peakMemory } from './memory.ts';
import type { Verdict } from './monitor/verdict.ts';
import { writeReport } from './report.ts';
import type { Run } from './run.ts';

export interface TrainResult {
  /** `stopped` by the signal, with a checkpoint; `diverged` when a loss, a gradient or a weight was lost for good. */
  readonly outcome: 'done' | 'stopped' | 'diverged';
  /** Undefined where the run was stopped before it began: nothing was written then. */
  readonly folder: string | undefined;
  /** Steps trained, those before a resume included; 0 where the run was stopped before it began. */
  readonly step: number;
}

/** Trains until the end, a signal or divergence, and exports what has come of it. */
export async function runSteps(run: Run): Promise<TrainResult> {
  const { config, program, dataset, resident, signal } = run;
  const course = new Course(run);
  const most = resident ? Infinity : mostSteps(program, dataset);
  const size = new ChunkSize(runBudget(parseDevice(config.device)), most);
  let diverged: Verdict | undefined;
  try {
    diverged = await advance(run, course, size);
    while (diverged && course.mayRollBack && !signal.aborted) {
      await course.rollBack(diverged);
      diverged = await advance(run, course, size);
    }
  } catch (error) {
    await course.salvage();
    throw error;
  }
  return conclude(run, course, diverged, size.milliseconds);
}

/** Trains until the end, a signal or the time limit, with a checkpoint then; or until training diverges. */
async function advance(run: Run, course: Course, size: ChunkSize): Promise<Verdict | undefined> {
  const { config, program, dataset, resident, engine, onEvent, signal } = run;
  const { sampleEvery, checkpointEvery, steps: total } = config;
  const outOfTime = () => run.deadlineMinutes !== undefined && course.elapsed >= run.deadlineMinutes * 60_000;
  /** Steps of the next run: up to the end, the next sample or the next checkpoint, within the time budget. */
  const nextSteps = (from: number) => {
    const until = (every: number) => (every > 0 ? every - (from % every) : Infinity);
    const moveEvery = Number.isFinite(program.moveEvery) ? program.moveEvery : 0;
    return Math.min(size.steps, total - from, until(sampleEvery), until(checkpointEvery), until(moveEvery));
  };

  if (course.step === 0 && sampleEvery > 0) await course.sample();
  const { rateScale } = course;
  const chunkAt = chunkSource(program, dataset, config.seed, { rateScale, resident });
  let next = course.step < total ? chunkAt(course.step, nextSteps(course.step)) : undefined;
  let isDue = false;
  while (next && !signal.aborted && !outOfTime()) {
    const chunk = next;
    const moves = program.movesAt(course.step);
    // Until its steps are logged and judged.
    course.inStep = false;
    if (moves.length) await engine.move(moves);
    const running = engine.run(chunk);
    const after = course.step + chunk.steps;
    // Prepared while the worker computes. Its size follows the run before this one.
    next = after < total ? chunkAt(after, nextSteps(after)) : undefined;
    const { telemetry, milliseconds } = await running.catch((error: unknown) => {
      // After moves it is not: a run that resumes here moves by itself.
      course.inStep = moves.length === 0;
      throw explained(error, config);
    });
    size.observe(chunk.steps, milliseconds);

    const measured = readTelemetry(program, telemetry, chunk.steps);
    const diverged = await course.takeIn(measured);
    if (diverged) return diverged;
    course.inStep = true;
    const { step, images, seconds } = course;
    const imagesPerSecond = (chunk.steps * program.samplesPerStep * 1000) / milliseconds;
    onEvent({ type: 'step', step, steps: total, images, seconds, imagesPerSecond, ...measured.at(-1)! });
    if (sampleEvery > 0 && step % sampleEvery === 0 && step < total) await course.sample();
    isDue ||= checkpointEvery > 0 && step % checkpointEvery === 0;
    if (isDue && step < total && hasLearnt(config.recipe, measured.at(-1)!)) {
      isDue = false;
      const lost = await course.checkpoint();
      if (lost) return lost;
    }
  }
  await course.sample();
  return course.checkpoint();
}

/**
 * Exports the networks, of the last good checkpoint where training diverged, and writes the report.
 *
 * @param busy milliseconds in onnxruntime
 */
async function conclude(
  run: Run,
  course: Course,
  diverged: Verdict | undefined,
  busy: number,
): Promise<TrainResult> {
  const { config, program, imports, folder, engine, onEvent, signal } = run;
  const { step } = course;
  const exportState = (state: ReadonlyMap<string, Tensor>, steps: number) =>
    exportNetworks(folder, { program, imports, classes: config.classes, state, steps });
  const outcome = diverged ? 'diverged' : step < config.steps && signal.aborted ? 'stopped' : 'done';
  let checkpoint = course.checkpointStep;
  if (diverged) {
    const rollback = config.onDiverge === 'rollback' ? '' : ' or --on-diverge rollback';
    await course.tell({ ...diverged, advice: `${diverged.advice}${rollback}` });
    const { checkpoint: last } = await latestCheckpoint(folder.path);
    checkpoint = last?.step ?? null;
    if (last) await exportState(last.tensors, last.step);
  } else await exportState(await engine.state(), step);
  const hostShare = busy > 0 ? Math.max(0, 1 - busy / course.elapsed) : 0;
  await writeReport(folder, config, outcome, course.verdicts);
  onEvent({
    type: 'end',
    outcome,
    step,
    images: course.images,
    seconds: course.seconds,
    folder: folder.path,
    checkpoint,
    hostShare,
    peakMemory: await peakMemory(config.device),
  });
  return { outcome, folder: folder.path, step };
}

/**
 * Whether both networks learnt in a step of mixed precision: a network whose gradients overflow may be one that has
 * diverged already, and a state worth going back to is one after which it still learns.
 */
const hasLearnt = ({ precision }: Recipe, { dGradNorm, gGradNorm }: Telemetry): boolean =>
  precision === 'float32' || (dGradNorm > 0 && gGradNorm > 0);

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
