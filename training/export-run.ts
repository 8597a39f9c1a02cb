import { dirname } from 'node:path';
import { z } from 'zod';
import { latestCheckpoint, listCheckpoints, loadCheckpoint } from '../artifacts/checkpoint.ts';
import type { Checkpoint } from '../artifacts/checkpoint.ts';
import { InputError } from '../artifacts/errors.ts';
import { makeFolder, writeFileAtomic } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import { checkOptions, text, truth } from './check-options.ts';
import { checkState } from './check-state.ts';
import { encodeGenerator, exportNetworks } from './export.ts';
import type { ExportOptions, Trained } from './export.ts';
import { ImportedNetworks } from './imported.ts';
import { parseRunConfig } from './run-config.ts';
import { programOf } from './run-program.ts';

export interface ExportRunOptions extends ExportOptions {
  /** Step of the checkpoint; default the newest that is whole. */
  readonly checkpoint?: number | undefined;
  /** A `.onnx` file for the generator alone; default: all networks, into the folder of the run. */
  readonly out?: string | undefined;
}

export interface ExportResult {
  /** The generator first. */
  readonly files: readonly string[];
  /** Of the checkpoint. */
  readonly step: number;
}

const schema = z.strictObject({
  weights: z.enum(['ema', 'live'], 'must be ema or live').optional(),
  deterministic: truth,
  half: truth,
  checkpoint: z
    .custom<number>((value) => Number.isSafeInteger(value) && Number(value) >= 0, 'must be a number of steps')
    .optional(),
  out: text,
}) satisfies z.ZodType<ExportRunOptions>;

/**
 * Exports the networks of a run from one of its checkpoints, whether the run has ended or not.
 *
 * @param path folder of the run
 * @throws InputError where it is none, or has no such checkpoint or weights; nothing is written then
 */
export async function exportRun(path: string, options: ExportRunOptions = {}): Promise<ExportResult> {
  if (typeof path !== 'string' || path === '')
    throw new InputError(`export: path ${JSON.stringify(path)} must be the folder of a run`);
  checkOptions('export', schema, options);
  const { out } = options;
  if (out !== undefined && !out.endsWith('.onnx'))
    throw new InputError(`--out: ${JSON.stringify(out)} must end in .onnx`);
  const folder = await RunFolder.open(path);
  const { folder: source, step, manifest, tensors } = await checkpointOf(folder, options.checkpoint);
  const config = parseRunConfig(manifest.config, source);
  const imports = await ImportedNetworks.read({}, folder, config);
  const program = programOf(config, imports);
  checkState(program, tensors, source);
  const trained: Trained = { program, imports, classes: config.classes, state: tensors, steps: step };
  if (out === undefined) return { files: await exportNetworks(folder, trained, options), step };
  const bytes = await encodeGenerator(trained, options);
  await makeFolder(dirname(out));
  await writeFileAtomic(out, bytes);
  return { files: [out], step };
}

async function checkpointOf(folder: RunFolder, step: number | undefined): Promise<Checkpoint> {
  if (step !== undefined) {
    const known = await listCheckpoints(folder.path);
    const wanted = known.find((entry) => entry.step === step);
    if (wanted) return loadCheckpoint(wanted.folder);
    const steps = known.map((entry) => entry.step).join(', ') || 'none';
    throw new InputError(`${folder.path}: has no checkpoint of step ${step}; it has ${steps}`);
  }
  const { checkpoint, passedOver } = await latestCheckpoint(folder.path);
  if (checkpoint) return checkpoint;
  throw new InputError(
    passedOver[0]
      ? `${folder.path}: none of its ${passedOver.length} checkpoints can be used; ${passedOver[0].reason}`
      : `${folder.path}: the run has no checkpoint yet; train on, or stop it with Ctrl-C`,
  );
}
