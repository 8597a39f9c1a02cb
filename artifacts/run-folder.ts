import { readdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pruneCheckpoints, saveCheckpoint } from './checkpoint.ts';
import type { CheckpointContents } from './checkpoint.ts';
import { InputError } from './errors.ts';
import {
  appendLine,
  errorCode,
  isJsonObject,
  makeFolder,
  onFile,
  pathExists,
  readJsonObject,
  removeTemporaries,
  toJson,
  writeFileAtomic,
} from './files.ts';
import type { JsonObject, JsonValue } from './files.ts';
import { readJsonLines, writeJsonLines } from './json-lines.ts';
import { lockFile, RunLock } from './run-lock.ts';
import type { LockOptions } from './run-lock.ts';

/** One line of log.jsonl. A number that is not finite is written as null. */
export interface LogRecord {
  readonly step: number;
  readonly [key: string]: JsonValue;
}

const recipeFile = 'recipe.json';

/**
 * The folder that a run writes: where everything in it is, and its recipe and log. All that training writes there goes
 * through it: once another process has taken the folder over, nothing does.
 */
export class RunFolder {
  readonly path: string;
  readonly recipe: string;
  readonly log: string;
  readonly verdicts: string;
  readonly skipped: string;
  readonly samples: string;
  readonly checkpoints: string;
  readonly generator: string;
  readonly discriminator: string;
  readonly encoder: string;
  readonly trainingStep: string;
  readonly trainingLoop: string;
  readonly report: string;
  /** The topmost folder that `create` made; undefined where all were there. */
  readonly #made: string | undefined;
  /** What `create` and `resume` take. */
  #lock: RunLock | undefined;

  private constructor(path: string, made?: string) {
    this.path = path;
    this.recipe = join(path, recipeFile);
    this.log = join(path, 'log.jsonl');
    this.verdicts = join(path, 'verdicts.jsonl');
    this.skipped = join(path, 'skipped.jsonl');
    this.samples = join(path, 'samples');
    this.checkpoints = join(path, 'checkpoints');
    this.generator = join(path, 'generator.onnx');
    this.discriminator = join(path, 'discriminator.onnx');
    this.encoder = join(path, 'encoder.onnx');
    this.trainingStep = join(path, 'training-step.onnx');
    this.trainingLoop = join(path, 'training-loop.onnx');
    this.report = join(path, 'report.html');
    this.#made = made;
  }

  /**
   * Makes the folder of a new run, which this process alone writes until it releases it.
   *
   * @throws InputError where something is there already, another process makes one too, or it cannot be written
   */
  static async create(path: string): Promise<RunFolder> {
    await refuseTaken(path);
    const made = await makeFolder(path);
    const folder = new RunFolder(path, made && resolve(made));
    try {
      folder.#lock = await RunLock.take(path);
      // A run that was faster may have ended by now.
      await refuseTaken(path);
    } catch (error) {
      await folder.discardIfEmpty();
      throw error;
    }
    return folder;
  }

  /** Makes `base`, or `base-2`, `base-3`, ... where that is taken. */
  static async createNumbered(base: string): Promise<RunFolder> {
    for (let n = 1; ; n++) {
      const path = n === 1 ? base : `${base}-${n}`;
      if (await pathExists(path)) continue;
      try {
        return await RunFolder.create(path);
      } catch (error) {
        // Another process may have been faster.
        if (!(await pathExists(path))) throw error;
      }
    }
  }

  /**
   * Opens the folder of a run that was started before.
   *
   * @throws InputError where it is none.
   */
  static async open(path: string): Promise<RunFolder> {
    const found = await contents(path);
    if (!found) throw new InputError(`${path}: no such folder`);
    if (!found.includes(recipeFile))
      throw new InputError(
        `${path}: not the folder of a run (no ${recipeFile}; found ${found.length ? listed(found) : 'nothing'})`,
      );
    return new RunFolder(path);
  }

  /**
   * Opens the folder of a run to go on with, which this process alone writes until it releases it; what others have
   * left unfinished there is swept up.
   *
   * @throws InputError where it is none, or another process writes it
   */
  static async resume(path: string, options: LockOptions): Promise<RunFolder> {
    const folder = await RunFolder.open(path);
    folder.#lock = await RunLock.take(path, options);
    for (const place of [path, folder.samples, folder.checkpoints]) await removeTemporaries(place);
    return folder;
  }

  /** Lets another process write the folder. */
  async release(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** Weights of an imported network, under the names that they had there. */
  weightsPath(network: 'generator' | 'discriminator'): string {
    return join(this.path, `${network}.safetensors`);
  }

  samplePath(step: number): string {
    return join(this.samples, `${step}.png`);
  }

  /** @throws InputError where another process has taken the folder over */
  async check(): Promise<void> {
    await this.#lock?.check();
  }

  /** Writes a file of the folder, whole or not at all. */
  writeFile(path: string, data: Uint8Array | string): Promise<void> {
    return this.#writing(() => writeFileAtomic(path, data));
  }

  async writeSample(step: number, png: Uint8Array): Promise<string> {
    const path = this.samplePath(step);
    await this.#writing(async () => {
      await makeFolder(this.samples);
      await writeFileAtomic(path, png);
    });
    return path;
  }

  saveCheckpoint(contents: CheckpointContents): Promise<string> {
    return this.#writing(() => saveCheckpoint(this.path, contents));
  }

  pruneCheckpoints(keep: number): Promise<string[]> {
    return this.#writing(() => pruneCheckpoints(this.path, keep));
  }

  writeRecipe(recipe: JsonObject): Promise<void> {
    return this.writeFile(this.recipe, toJson(recipe));
  }

  readRecipe(): Promise<JsonObject> {
    return readJsonObject(this.recipe);
  }

  /** @throws InputError where another process has taken the folder over, without a record too */
  appendLog(...records: readonly LogRecord[]): Promise<void> {
    const lines = records.map((record) => JSON.stringify(record)).join('\n');
    return this.#writing(async () => {
      if (lines) await appendLine(this.log, lines);
    });
  }

  /**
   * The records so far. A last line without its end is a crash's and is left out.
   *
   * @throws InputError naming the line that is no record.
   */
  readLog(): Promise<LogRecord[]> {
    return readJsonLines(this.log, 'log record', asRecord);
  }

  /**
   * Drops the records of later steps and a cut last line: a resumed run will write those steps again.
   *
   * @returns the records that stay
   */
  async truncateLog(afterStep: number): Promise<LogRecord[]> {
    const records = (await this.readLog()).filter(({ step }) => step <= afterStep);
    await this.#writeLines(this.log, records);
    return records;
  }

  /** Writes verdicts.jsonl anew, one object a line; without verdicts there is no file. */
  writeVerdicts(verdicts: readonly JsonObject[]): Promise<void> {
    return this.#writeLines(this.verdicts, verdicts);
  }

  /** @throws InputError naming the line that is no record. */
  readVerdicts(): Promise<LogRecord[]> {
    return readJsonLines(this.verdicts, 'log record', asRecord);
  }

  /** Writes skipped.jsonl: the files of the data that were left out; without any there is no file. */
  writeSkipped(files: readonly { readonly file: string; readonly reason: string }[]): Promise<void> {
    return this.#writeLines(
      this.skipped,
      files.map(({ file, reason }) => ({ file, reason })),
    );
  }

  /** Releases the folder; where nothing has been written, undoes `create`: removes the folders that it made. */
  async discardIfEmpty(): Promise<void> {
    await this.release();
    for (const folder of [this.samples, this.checkpoints]) await removeEmpty(folder);
    if (this.#made === undefined) return;
    for (let folder = resolve(this.path); ; folder = dirname(folder))
      if (!(await removeEmpty(folder)) || folder === this.#made) return;
  }

  #writeLines(path: string, values: readonly JsonObject[]): Promise<void> {
    return this.#writing(() => writeJsonLines(path, values));
  }

  /** Writes only while the folder is this process's own. */
  async #writing<T>(write: () => Promise<T>): Promise<T> {
    await this.check();
    try {
      return await write();
    } catch (error) {
      // Who takes a folder over sweeps up what is in the making there, which fails then.
      await this.check();
      throw error;
    }
  }
}

const asRecord = (value: unknown) =>
  isJsonObject(value) && typeof value.step === 'number' ? (value as LogRecord) : undefined;

/** Refuses the place of a new run where there is anything but the lock of a process that makes one there, too. */
async function refuseTaken(path: string): Promise<void> {
  const found = (await contents(path))?.filter((name) => name !== lockFile);
  if (found?.includes(recipeFile))
    throw new InputError(
      `${path}: holds another run (found ${listed(found)}); use --resume or another --out`,
    );
  if (found?.length)
    throw new InputError(`${path}: is not empty (found ${listed(found)}); use another --out`);
}

/** Names in a folder, sorted; undefined where there is none. */
function contents(path: string): Promise<string[] | undefined> {
  return onFile('read', path, async () => {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      if (errorCode(error) === 'ENOTDIR' && (await pathExists(path)))
        throw new InputError(`${path}: is a file, must be a folder`, { cause: error });
      throw error;
    }
  });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

/** True where the folder is gone; a folder with something in it stays. */
async function removeEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    return errorCode(error) === 'ENOENT';
  }
}
