import { latestCheckpoint } from '../artifacts/checkpoint.ts';
import { InputError } from '../artifacts/errors.ts';
import type { LogRecord } from '../artifacts/run-folder.ts';
import type { Telemetry, TrainingProgram } from '../graph-builder/program.ts';
import type { OptimizerRecipe, Recipe } from '../graph-builder/recipe.ts';
import type { Tensor } from '../graph-builder/types.ts';
import { chunkSource, ChunkSize, mostSteps, runBudget } from './chunks.ts';
import { exportNetworks } from './export.ts';
import { parseDevice } from './device/device.ts';
import { explained, peakMemory } from './memory.ts';
import { divergedState } from './monitor/divergence.ts';
import { Monitor } from './monitor/monitor.ts';
import type { Verdict } from './monitor/verdict.ts';
import { progressToJson } from './progress.ts';
import { writeReport } from './report.ts';
import { runConfigToJson } from './run-config.ts';
import { cutBack, logEvery, writeVerdicts } from './run-log.ts';
import type { Run } from './run.ts';
import { SamplePainter } from './samples.ts';
import { freshState, lastGoodState } from './start-state.ts';

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

/** Trains until the end, a signal or divergence, and exports what has come of it. */
export async function runSteps(run: Run): Promise<TrainResult> {
  const { config, program, imports, dataset, resident, folder, engine, start, onEvent, signal } = run;
  const { recipe, sampleEvery, checkpointEvery, onDiverge } = config;
  const samples = program.samplesPerStep;
  const total = config.steps;

  // Loop state
  let step = start.step;
  /** Whether the engine's state is that after `step`, as a checkpoint has it. */
  let inStep = true;
  let { rateScale, verdicts } = start.progress;
  let monitor = new Monitor(withRates(recipe, rateScale), start.progress.monitor);
  let saved = start.step > 0 ? start.step : -1;
  let drawn = -1;
  let isDue = false;
  let busy = 0;
  const most = resident ? Infinity : mostSteps(program, dataset);
  const size = new ChunkSize(runBudget(parseDevice(config.device)), most);
  const painter = new SamplePainter(program, dataset);
  const began = performance.now();
  const seconds = () => start.progress.seconds + (performance.now() - began) / 1000;
  const outOfTime = () =>
    run.deadlineMinutes !== undefined && performance.now() - began >= run.deadlineMinutes * 60_000;

  const tell = async (verdict: Verdict) => {
    verdicts = [...verdicts, verdict];
    await writeVerdicts(folder, verdicts);
    onEvent({ type: 'verdict', ...verdict });
  };
  /** Removes old checkpoints; where that cannot be done they take room, and training goes on. */
  const prune = async () => {
    try {
      await folder.pruneCheckpoints(checkpointsKept);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      await folder.check();
      onEvent({ type: 'warning', message: `an old checkpoint stays: ${error.message}` });
    }
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
    const path = await folder.saveCheckpoint({ step, manifest, tensors });
    saved = step;
    onEvent({ type: 'checkpoint', step, folder: path });
    await prune();
    return undefined;
  };
  const sample = async () => {
    if (drawn === step) return;
    inStep = false;
    const { png, diversity } = await painter.paint(engine);
    // Not where a run happens to end: its verdicts would differ from those of a longer one.
    if (step > 0 && step % sampleEvery === 0)
      for (const verdict of monitor.observeGrid(step, diversity)) await tell(verdict);
    // Before it is written: where that fails, a resumed run still judges the same grids.
    inStep = true;
    const file = await folder.writeSample(step, png);
    drawn = step;
    onEvent({ type: 'sample', step, file, diversity });
  };
  /** Steps of the next run: up to the end, the next sample or the next checkpoint, within the time budget. */
  const nextSteps = (from: number) => {
    const until = (every: number) => (every > 0 ? every - (from % every) : Infinity);
    const moveEvery = Number.isFinite(program.moveEvery) ? program.moveEvery : 0;
    return Math.min(size.steps, total - from, until(sampleEvery), until(checkpointEvery), until(moveEvery));
  };
  /** Logs and judges the steps from here on; the first that shows divergence ends them, and is not counted. */
  const takeIn = async (measured: readonly Telemetry[]): Promise<Verdict | undefined> => {
    const records: LogRecord[] = [];
    try {
      for (const values of measured) {
        const at = step + 1;
        for (const verdict of monitor.observe(at, values)) {
          if (verdict.rule === 'divergence') return verdict;
          await tell(verdict);
        }
        step = at;
        if (at % logEvery === 0 || at === total)
          records.push({ step: at, images: at * samples, seconds: Number(seconds().toFixed(3)), ...values });
      }
      return undefined;
    } finally {
      // All at once: the device waits meanwhile.
      await folder.appendLog(...records);
    }
  };

  /** Trains until the end, a signal or the time limit, with a checkpoint then; or until training diverges. */
  const advance = async (): Promise<Verdict | undefined> => {
    if (step === 0 && sampleEvery > 0) await sample();
    const chunkAt = chunkSource(program, dataset, config.seed, { rateScale, resident });
    let next = step < total ? chunkAt(step, nextSteps(step)) : undefined;
    while (next && step < total && !signal.aborted && !outOfTime()) {
      const chunk = next;
      const moves = program.movesAt(step);
      // Until its steps are logged and judged.
      inStep = false;
      if (moves.length) await engine.move(moves);
      const running = engine.run(chunk);
      const after = step + chunk.steps;
      // Prepared while the worker computes. Its size follows the run before this one.
      next = after < total ? chunkAt(after, nextSteps(after)) : undefined;
      const { telemetry, milliseconds } = await running.catch((error: unknown) => {
        // After moves it is not: a run that resumes here moves by itself.
        inStep = moves.length === 0;
        throw explained(error, config);
      });
      busy += milliseconds;
      size.observe(chunk.steps, milliseconds);

      const measured = readTelemetry(program, telemetry, chunk.steps);
      const diverged = await takeIn(measured);
      if (diverged) return diverged;
      inStep = true;
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
      isDue ||= checkpointEvery > 0 && step % checkpointEvery === 0;
      if (isDue && step < total && hasLearnt(recipe, measured.at(-1)!)) {
        isDue = false;
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
    [step, inStep] = [good.step, true];
    rateScale *= rollbackScale;
    monitor = new Monitor(withRates(recipe, rateScale), good.progress.monitor);
    [saved, drawn, isDue] = [-1, -1, false];
    // What was said of steps that are undone goes with them; the rollbacks stay.
    verdicts = verdicts.filter((verdict) => verdict.step <= step || verdict.rolledBackTo !== undefined);
    await cutBack(folder, step, verdicts);
    await tell({ ...diverged, rolledBackTo: step });
    onEvent({ type: 'rollback', step: diverged.step, to: step, rateScale });
  };

  /** Saves what was trained before an error, where it can still be saved. */
  const salvage = async () => {
    if (!inStep || step === start.step) return;
    try {
      await checkpoint();
    } catch {
      // What failed first is what the user hears of.
    }
  };

  let diverged: Verdict | undefined;
  try {
    diverged = await advance();
    const leastScale = rollbackScale ** maxRollbacks;
    while (diverged && onDiverge === 'rollback' && rateScale > leastScale && !signal.aborted) {
      await rollBack(diverged);
      diverged = await advance();
    }
  } catch (error) {
    await salvage();
    throw error;
  }
  const networks = (state: ReadonlyMap<string, Tensor>, steps: number) => ({
    program,
    imports,
    classes: config.classes,
    state,
    steps,
  });
  const outcome = diverged ? 'diverged' : step < total && signal.aborted ? 'stopped' : 'done';
  if (diverged) {
    const rollback = onDiverge === 'rollback' ? '' : ' or --on-diverge rollback';
    await tell({ ...diverged, advice: `${diverged.advice}${rollback}` });
    const { checkpoint: last } = await latestCheckpoint(folder.path);
    saved = last?.step ?? -1;
    if (last) await exportNetworks(folder, networks(last.tensors, last.step));
  } else await exportNetworks(folder, networks(await engine.state(), step));
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
