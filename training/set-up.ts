import { loadQuietRuntime } from '../artifacts/onnxruntime-node.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import { loadSharp } from '../artifacts/sharp.ts';
import type { TrainingProgram } from '../graph-builder/program.ts';
import { autotune } from './autotune/autotune.ts';
import { executionOf, usualExecution } from './autotune/execution.ts';
import { chunkSource } from './chunks.ts';
import type { Dataset } from './data/dataset.ts';
import { deviceName, doesNotWork } from './device/device.ts';
import type { Choice } from './device/choose.ts';
import { isResident } from './engine/resident-data.ts';
import { createWorkerEngine } from './engine/worker-engine.ts';
import type { TrainEvent } from './events.ts';
import { lengthNotes } from './length.ts';
import { gateNotes } from './gate-notes.ts';
import { engineSpec, trainingModels } from './models.ts';
import type { TrainOptions } from './options.ts';
import { planRun } from './plan.ts';
import type { RunPlan } from './plan.ts';
import { precisionNotes, refuseHalves } from './precision.ts';
import { runConfigToJson } from './run-config.ts';
import type { RunConfig } from './run-config.ts';
import { cutBack, gapWarning } from './run-log.ts';
import type { Listening, Run } from './run.ts';
import { freshState, resumedState } from './start-state.ts';
import { wassersteinNotes } from './wasserstein-notes.ts';

/**
 * Makes all that a run needs. The folder comes last: what does not work or is stopped before leaves none behind.
 *
 * @param resumed folder of the run that goes on
 */
export async function setUp(options: TrainOptions & Listening, resumed: RunFolder | undefined): Promise<Run> {
  const { signal, onEvent } = options;
  const plan = await planRun(options, resumed);
  const { program, dataset, imports, createFolder, deadlineMinutes } = plan;
  const { device } = plan.device;
  await loadQuietRuntime();
  // Samples need it: a run that could not draw them does not begin.
  await loadSharp();
  const config = options.autotune ? await tunedConfig(plan, options) : plan.config;
  const { target, threads } = executionOf(config, program, device);
  const resident = residentIn(plan);
  const models = trainingModels(program, device, target, resident);
  refuseHalves(plan.device, models);
  const start = resumed
    ? await resumedState(resumed, config, program, options)
    : await freshState(program, config.seed, signal);
  const engine = createWorkerEngine(engineSpec(program, device, threads, models));
  let made: RunFolder | undefined;
  try {
    await engine.ready().catch((cause: unknown) => {
      throw doesNotWork(device, cause);
    });
    await engine.restore(start.tensors);
    signal.throwIfAborted();
    made = resumed ? undefined : await createFolder();
    const folder = resumed ?? made!;
    const gaps = resumed ? await cutBack(folder, start.step, start.progress.verdicts) : [];
    await folder.writeRecipe(runConfigToJson(config));
    if (made) await imports.copyTo(made);
    await folder.writeSkipped(dataset.skipped);
    await folder.writeFile(folder.trainingStep, models.step);
    await folder.writeFile(folder.trainingLoop, models.loop);
    onEvent(startEvent(config, plan.device, program, dataset, folder, threads, start.step));
    const notes = [
      ...ignoredNotes(dataset),
      ...imports.notes(config.sample),
      ...lengthNotes(config, start.step),
      ...precisionNotes(config.recipe, device, models),
      ...gateNotes(config.recipe),
      ...wassersteinNotes(config.recipe),
    ];
    for (const message of notes) onEvent({ type: 'note', message });
    const lostLines = gapWarning(folder, gaps);
    if (lostLines !== undefined) onEvent({ type: 'warning', message: lostLines });
    const { step, progress } = start;
    return {
      imports,
      config,
      program,
      dataset,
      resident: resident !== undefined,
      folder,
      engine,
      threads,
      start: { step, progress },
      deadlineMinutes,
      onEvent,
      signal,
    };
  } catch (error) {
    await engine.dispose();
    await made?.discardIfEmpty();
    throw error;
  }
}

/** The config with what is fastest for it on this machine. */
async function tunedConfig(plan: RunPlan, { signal, onEvent }: Listening): Promise<RunConfig> {
  const { config, program, dataset } = plan;
  const { device } = plan.device;
  const resident = residentIn(plan);
  const usual = usualExecution(program, device, config.threads);
  const tuning = await autotune({
    program,
    device,
    usual,
    threads: config.threads,
    engine: ({ target, threads }) =>
      createWorkerEngine(
        engineSpec(program, device, threads, trainingModels(program, device, target, resident)),
      ),
    chunkAt: chunkSource(program, dataset, config.seed, { resident: resident !== undefined }),
    signal,
    onMeasuring: () => {
      onEvent({ type: 'note', message: 'autotune: measures how this runs fastest here' });
    },
    onWarning: (message) => {
      onEvent({ type: 'warning', message: `autotune: ${message}` });
    },
  });
  onEvent({ type: 'tuned', usual, ...tuning });
  return { ...config, execution: tuning.chosen };
}

/** Files that might have been meant to be read. */
const ignoredNotes = ({ ignored }: Dataset): string[] =>
  ignored
    ? [
        `ignored ${ignored.count} ${ignored.count === 1 ? 'file of another type,' : 'files of other types such as'} ${ignored.example}`,
      ]
    : [];

/** The data, where they stay on the device. */
const residentIn = ({ device, dataset }: RunPlan): Dataset | undefined =>
  isResident(device.device, dataset) ? dataset : undefined;

function startEvent(
  config: RunConfig,
  { device, reason }: Choice,
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
    device: deviceName(device),
    ...(reason === undefined ? {} : { deviceReason: reason }),
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
