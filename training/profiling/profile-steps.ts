import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../../artifacts/device.ts';
import { loadQuietRuntime } from '../../artifacts/onnxruntime-node.ts';
import type { TrainingProgram } from '../../graph-builder/program.ts';
import type { Tensor } from '../../graph-builder/types.ts';
import { usualExecution } from '../autotune/execution.ts';
import type { Execution } from '../autotune/execution.ts';
import { chunkSource } from '../chunks.ts';
import { doesNotWork } from '../device/device.ts';
import { createSessionEngine } from '../engine/session-engine.ts';
import { engineSpec, trainingModels } from '../models.ts';
import { freshState } from '../start-state.ts';
import { noiseDataset } from './noise-dataset.ts';
import { summarize } from './profile.ts';
import type { Profile, ProfileEvent } from './profile.ts';

export interface ProfileOptions {
  /** Steps that are measured; default 10. One more comes before them and is not: it allocates, and compiles shaders. */
  readonly steps?: number;
  /** How it is run; default the usual way on one thread. */
  readonly execution?: Execution;
  /** The whole state to train on and its step; default that before the first step. The tensors belong to the engine from then on. */
  readonly start?: { readonly step: number; readonly tensors: ReadonlyMap<string, Tensor> };
}

/**
 * Trains a program for some steps under onnxruntime's profiler and tells where the time goes. The steps are those of
 * training: the same graph, driver and options, on noise of the data's shape, which each run is given (on CUDA training
 * has its data on the GPU). The profiler costs a few microseconds a kernel. Runs in the calling thread, which stands
 * still meanwhile.
 *
 * @throws InputError where the device does not work
 */
export async function profileSteps(
  program: TrainingProgram,
  device: Device,
  { steps = 10, execution = usualExecution(program, device, 1), start }: ProfileOptions = {},
): Promise<Profile> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-profile-'));
  try {
    const { target, threads } = execution;
    const spec = engineSpec(program, device, threads, trainingModels(program, device, target));
    const { step, tensors } = start ?? (await freshState(program, 0));
    const engine = await createSessionEngine(await loadQuietRuntime(), spec, {
      enableProfiling: true,
      profileFilePrefix: join(folder, 'profile'),
    }).catch((cause: unknown) => {
      throw doesNotWork(device, cause);
    });
    try {
      await engine.restore(tensors);
      const chunkAt = chunkSource(program, noiseDataset(program), 0);
      await engine.run(chunkAt(step, 1));
      await engine.run(chunkAt(step + 1, steps));
    } finally {
      // Writes the profile.
      await engine.dispose();
    }
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as ProfileEvent[];
    return summarize(events, spec.driver === 'loop' ? 1 : steps, steps);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
