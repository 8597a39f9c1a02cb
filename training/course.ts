import { InputError } from '../artifacts/errors.ts';
import type { LogRecord } from '../artifacts/run-folder.ts';
import type { Telemetry } from '../graph-builder/program.ts';
import type { OptimizerRecipe, Recipe } from '../graph-builder/recipe.ts';
import { divergedState } from './monitor/divergence.ts';
import { Monitor } from './monitor/monitor.ts';
import type { Verdict } from './monitor/verdict.ts';
import { progressToJson } from './progress.ts';
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

/** How far a run has come, and what its folder has of that: log, verdicts, samples and checkpoints. */
export class Course {
  /** Whether the engine's state is that after `step`, as a checkpoint has it. */
  inStep = true;
  readonly #run: Run;
  readonly #painter: SamplePainter;
  readonly #began = performance.now();
  #step: number;
  #rateScale: number;
  #verdicts: readonly Verdict[];
  #monitor: Monitor;
  /** Steps of the newest checkpoint and the newest sample; -1 without any. */
  #saved: number;
  #drawn = -1;

  constructor(run: Run) {
    const { start, program, dataset } = run;
    const { rateScale, verdicts, monitor } = start.progress;
    this.#run = run;
    this.#painter = new SamplePainter(program, dataset);
    this.#step = start.step;
    this.#rateScale = rateScale;
    this.#verdicts = verdicts;
    this.#monitor = new Monitor(this.#recipe, monitor);
    this.#saved = start.step > 0 ? start.step : -1;
  }

  /** Steps done, logged and judged. */
  get step(): number {
    return this.#step;
  }

  get images(): number {
    return this.#step * this.#run.program.samplesPerStep;
  }

  /** What the recipe's learning rates are multiplied by, after rollbacks. */
  get rateScale(): number {
    return this.#rateScale;
  }

  get verdicts(): readonly Verdict[] {
    return this.#verdicts;
  }

  /** Step of the newest checkpoint; null where there is none. */
  get checkpointStep(): number | null {
    return this.#saved < 0 ? null : this.#saved;
  }

  /** Since this process began to train, in milliseconds. */
  get elapsed(): number {
    return performance.now() - this.#began;
  }

  /** Of training, before a resume included. */
  get seconds(): number {
    return this.#run.start.progress.seconds + this.elapsed / 1000;
  }

  get mayRollBack(): boolean {
    return this.#run.config.onDiverge === 'rollback' && this.#rateScale > rollbackScale ** maxRollbacks;
  }

  /** Logs and judges the steps from here on; the first that shows divergence ends them, and is not counted. */
  async takeIn(measured: readonly Telemetry[]): Promise<Verdict | undefined> {
    const { config, folder } = this.#run;
    const records: LogRecord[] = [];
    try {
      for (const values of measured) {
        const at = this.#step + 1;
        for (const verdict of this.#monitor.observe(at, values)) {
          if (verdict.rule === 'divergence') return verdict;
          await this.tell(verdict);
        }
        this.#step = at;
        if (at % logEvery === 0 || at === config.steps) {
          const seconds = Number(this.seconds.toFixed(3));
          records.push({ step: at, images: this.images, seconds, ...values });
        }
      }
      return undefined;
    } finally {
      // All at once: the device waits meanwhile.
      await folder.appendLog(...records);
    }
  }

  /** Keeps a verdict, and tells of it. */
  async tell(verdict: Verdict): Promise<void> {
    this.#verdicts = [...this.#verdicts, verdict];
    await writeVerdicts(this.#run.folder, this.#verdicts);
    this.#run.onEvent({ type: 'verdict', ...verdict });
  }

  /** Draws samples, unless those of this step are there. */
  async sample(): Promise<void> {
    const { config, engine, folder, onEvent } = this.#run;
    const step = this.#step;
    if (this.#drawn === step) return;
    this.inStep = false;
    const { png, diversity } = await this.#painter.paint(engine);
    // Not where a run happens to end: its verdicts would differ from those of a longer one.
    if (step > 0 && step % config.sampleEvery === 0)
      for (const verdict of this.#monitor.observeGrid(step, diversity)) await this.tell(verdict);
    // Before it is written: where that fails, a resumed run still judges the same grids.
    this.inStep = true;
    const file = await folder.writeSample(step, png);
    this.#drawn = step;
    onEvent({ type: 'sample', step, file, diversity });
  }

  /** Saves the state, or tells why it is not worth saving. */
  async checkpoint(): Promise<Verdict | undefined> {
    const { config, engine, folder, threads, onEvent } = this.#run;
    const step = this.#step;
    if (this.#saved === step) return undefined;
    const tensors = await engine.state();
    const diverged = divergedState(step, tensors, this.#recipe);
    if (diverged) return diverged;
    const manifest = {
      config: runConfigToJson(config),
      position: this.images,
      threads,
      ...progressToJson({
        seconds: this.seconds,
        rateScale: this.#rateScale,
        monitor: this.#monitor.state,
        verdicts: [...this.#verdicts],
      }),
    };
    const path = await folder.saveCheckpoint({ step, manifest, tensors });
    this.#saved = step;
    onEvent({ type: 'checkpoint', step, folder: path });
    await this.#prune();
    return undefined;
  }

  /** Saves what was trained before an error, where it can still be saved. */
  async salvage(): Promise<void> {
    if (!this.inStep || this.#step === this.#run.start.step) return;
    try {
      await this.checkpoint();
    } catch {
      // What failed first is what the user hears of.
    }
  }

  /** Goes on from the last checkpoint, or from the start, with lower learning rates. */
  async rollBack(diverged: Verdict): Promise<void> {
    const { config, engine, folder, program, onEvent } = this.#run;
    const good =
      (await lastGoodState(folder, config, program, onEvent)) ?? (await freshState(program, config.seed));
    await engine.restore(good.tensors);
    [this.#step, this.inStep] = [good.step, true];
    this.#rateScale *= rollbackScale;
    this.#monitor = new Monitor(this.#recipe, good.progress.monitor);
    [this.#saved, this.#drawn] = [-1, -1];
    // What was said of steps that are undone goes with them; the rollbacks stay.
    this.#verdicts = this.#verdicts.filter(
      (verdict) => verdict.step <= good.step || verdict.rolledBackTo !== undefined,
    );
    await cutBack(folder, good.step, this.#verdicts);
    await this.tell({ ...diverged, rolledBackTo: good.step });
    onEvent({ type: 'rollback', step: diverged.step, to: good.step, rateScale: this.#rateScale });
  }

  /** Removes old checkpoints; where that cannot be done they take room, and training goes on. */
  async #prune(): Promise<void> {
    const { folder, onEvent } = this.#run;
    try {
      await folder.pruneCheckpoints(checkpointsKept);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      await folder.check();
      onEvent({ type: 'warning', message: `an old checkpoint stays: ${error.message}` });
    }
  }

  /** The recipe as it is trained after rollbacks: what the monitor's advice has to start from. */
  get #recipe(): Recipe {
    const { recipe } = this.#run.config;
    const scaled = (optimizer: OptimizerRecipe) => ({
      ...optimizer,
      learningRate: optimizer.learningRate * this.#rateScale,
    });
    const { generator, discriminator } = recipe.optimizer;
    return {
      ...recipe,
      optimizer: { generator: scaled(generator), discriminator: scaled(discriminator) },
    };
  }
}
