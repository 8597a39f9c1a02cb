import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Tensor } from '../graph-builder/types.ts';
import { InputError } from './errors.ts';
import {
  errorCode,
  flushFolder,
  isJsonObject,
  makeFolder,
  onFile,
  parseJsonObject,
  pathExists,
  readBytes,
  readText,
  temporaryBeside,
  toJson,
  writeFlushed,
} from './files.ts';
import type { JsonObject } from './files.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const format = 'ganx.checkpoint';
const formatVersion = 1;
const stateFile = 'state.safetensors';
const manifestFile = 'manifest.json';

/** Everything a run needs to go on as if it had never stopped. */
export interface CheckpointContents {
  readonly step: number;
  /** What is no tensor: recipe, provider, thread count, position in the data. */
  readonly manifest: JsonObject;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export interface Checkpoint extends CheckpointContents {
  readonly folder: string;
}

/** A checkpoint as its folder shows it; its state is not read, so it may yet prove damaged. */
export interface CheckpointEntry {
  readonly step: number;
  readonly folder: string;
  /** Why it cannot be loaded; absent where nothing is known against it. */
  readonly problem?: string;
}

export interface LatestCheckpoint {
  /** The newest one that loads; absent where there is none. */
  readonly checkpoint?: Checkpoint;
  /** Newer ones that do not, newest first. */
  readonly passedOver: readonly { readonly folder: string; readonly reason: string }[];
}

/** What manifest.json holds. */
interface Manifest {
  readonly step: number;
  readonly tensors: number;
  readonly stateBytes: number;
  readonly stateSha256: string;
  readonly manifest: JsonObject;
}

const checkpointsOf = (runFolder: string) => join(runFolder, 'checkpoints');

/**
 * Writes `checkpoints/step-<n>`, replacing one of the same step. It is built under another name and renamed when
 * it is whole, the manifest last.
 *
 * @returns The checkpoint's folder.
 */
export async function saveCheckpoint(runFolder: string, contents: CheckpointContents): Promise<string> {
  const { step, manifest, tensors } = contents;
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`step ${step} must be an integer >= 0`);
  const parent = checkpointsOf(runFolder);
  const folder = join(parent, `step-${step}`);
  const unfinished = temporaryBeside(folder);
  await makeFolder(parent);
  try {
    const state = encodeSafetensors(tensors);
    const whole = {
      format,
      formatVersion,
      step,
      tensors: tensors.size,
      stateBytes: state.length,
      stateSha256: sha256(state),
      manifest,
    };
    // A message names the folder that was to be, not the one in the making.
    await onFile('write', folder, async () => {
      await mkdir(unfinished);
      await writeFlushed(join(unfinished, stateFile), 'wx', state);
      await writeFlushed(join(unfinished, manifestFile), 'wx', sealed(toJson(whole)));
      await putInPlace(unfinished, folder);
    });
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/**
 * Reads a checkpoint and checks that it is whole.
 *
 * @throws InputError naming the folder and why it cannot be used.
 */
export async function loadCheckpoint(folder: string): Promise<Checkpoint> {
  const { step, manifest, ...expected } = await readManifest(folder);
  const path = join(folder, stateFile);
  const state = await readBytes(path);
  const hash = sha256(state);
  if (hash !== expected.stateSha256)
    throw new InputError(
      `${folder}: damaged checkpoint (SHA-256 of ${stateFile} is ${hash.slice(0, 12)}..., the manifest says ${expected.stateSha256.slice(0, 12)}...)`,
    );
  const { tensors } = decodeSafetensors(state, path);
  if (tensors.size !== expected.tensors)
    throw new InputError(
      `${folder}: damaged checkpoint (${stateFile} holds ${tensors.size} tensors, the manifest says ${expected.tensors})`,
    );
  return { folder, step, manifest, tensors };
}

/** All checkpoints of a run, oldest first, by a look at their manifests and file sizes. */
export async function listCheckpoints(runFolder: string): Promise<CheckpointEntry[]> {
  const parent = checkpointsOf(runFolder);
  const names = await onFile('read', parent, async () => {
    try {
      return await readdir(parent);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  });
  const steps = names
    .flatMap((name) => /^step-(\d+)$/.exec(name)?.slice(1) ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  return Promise.all(
    steps.map(async (step) => {
      const folder = join(parent, `step-${step}`);
      const problem = await problemOf(folder);
      return { step, folder, ...(problem === undefined ? {} : { problem }) };
    }),
  );
}

/** The newest checkpoint that loads, with the reasons why newer ones do not. */
export async function latestCheckpoint(runFolder: string): Promise<LatestCheckpoint> {
  const passedOver: { folder: string; reason: string }[] = [];
  for (const { folder } of (await listCheckpoints(runFolder)).reverse())
    try {
      return { checkpoint: await loadCheckpoint(folder), passedOver };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      passedOver.push({ folder, reason: error.message });
    }
  return { passedOver };
}

/**
 * Removes what is older than the newest `keep` complete checkpoints; returns the folders that went.
 *
 * @throws InputError naming one that cannot be removed, when the others are.
 */
export async function pruneCheckpoints(runFolder: string, keep: number): Promise<string[]> {
  if (!Number.isInteger(keep) || keep < 1) throw new RangeError(`keep ${keep} must be an integer >= 1`);
  const all = await listCheckpoints(runFolder);
  const oldestKept = all.filter(({ problem }) => problem === undefined).at(-keep);
  if (!oldestKept) return [];
  const old = all.filter(({ step }) => step < oldestKept.step).map(({ folder }) => folder);
  const removed = await Promise.allSettled(
    old.map((folder) => onFile('write', folder, () => discard(folder))),
  );
  for (const one of removed) if (one.status === 'rejected') throw one.reason;
  return old;
}

/** Renames a whole checkpoint; one that had the name is deleted when the new one is there to stay. */
async function putInPlace(whole: string, folder: string): Promise<void> {
  const old = await moveAside(folder);
  try {
    await rename(whole, folder);
  } catch (error) {
    if (old !== undefined) await rename(old, folder);
    throw error;
  }
  await flushFolder(dirname(folder));
  // Where it cannot be deleted the checkpoint is saved all the same.
  if (old !== undefined) await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/** Deletes a folder, out of sight, so that no half of it is ever taken for a checkpoint. */
async function discard(folder: string): Promise<void> {
  const gone = await moveAside(folder);
  if (gone !== undefined) await rm(gone, { recursive: true, force: true });
}

/** Gives a folder a hidden name; undefined where there is none. */
async function moveAside(folder: string): Promise<string | undefined> {
  const aside = temporaryBeside(folder);
  try {
    await rename(folder, aside);
    return aside;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function problemOf(folder: string): Promise<string | undefined> {
  try {
    const { stateBytes } = await readManifest(folder);
    const path = join(folder, stateFile);
    const { size } = await onFile('read', path, () => stat(path));
    return size === stateBytes
      ? undefined
      : `${folder}: damaged checkpoint (${stateFile} has ${size} bytes, the manifest says ${stateBytes})`;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestFile);
  if (!(await pathExists(path)))
    throw new InputError(`${folder}: incomplete checkpoint (no ${manifestFile})`);
  const text = await readText(path);
  const manifest = parseJsonObject(text, path);
  if (manifest.format !== format)
    throw new InputError(
      `${path}: not the manifest of a checkpoint (format ${JSON.stringify(manifest.format)})`,
    );
  if (manifest.formatVersion !== formatVersion)
    throw new InputError(
      `${path}: checkpoint format version ${JSON.stringify(manifest.formatVersion)} is unknown, this ganx reads ${formatVersion}`,
    );
  if (manifest.manifestSha256 !== undefined && !isAsSealed(text))
    throw new InputError(
      `${path}: damaged manifest (its SHA-256 is not the one that it says; without its manifestSha256 it is read unchecked)`,
    );
  if (!isManifest(manifest))
    throw new InputError(`${path}: damaged manifest (a field is missing or of a wrong type)`);
  const named = /^step-(\d+)$/.exec(basename(folder))?.[1];
  if (named !== undefined && Number(named) !== manifest.step)
    throw new InputError(`${folder}: damaged checkpoint (its manifest is that of step ${manifest.step})`);
  return manifest;
}

/** The text of a manifest with its own SHA-256 as the last field. The Python package does the same. */
const sealed = (text: string) =>
  text.replace(/\n\}\n$/, `,\n  "manifestSha256": "${sha256(Buffer.from(text))}"\n}\n`);

/** Whether a text is as it was sealed. Of the text, not of what it says: every language writes numbers in its own way. */
function isAsSealed(text: string): boolean {
  const [seal, hash] = /,\n {2}"manifestSha256": "([\da-f]{64})"\n\}\n$/.exec(text) ?? [''];
  return hash === sha256(Buffer.from(`${text.slice(0, text.length - seal.length)}\n}\n`));
}

function isManifest(value: JsonObject): value is JsonObject & Manifest {
  const { step, tensors, stateBytes, stateSha256, manifest } = value;
  return (
    [step, tensors, stateBytes].every((count) => Number.isSafeInteger(count)) &&
    typeof stateSha256 === 'string' &&
    isJsonObject(manifest)
  );
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
