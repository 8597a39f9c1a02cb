import { randomBytes } from 'node:crypto';
import { open, readFile, readlink, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from './errors.ts';
import { errorCode, isFolder, isJsonObject, onFile, temporaryBeside, toJson, writeFlushed } from './files.ts';

export const lockFile = 'lock.json';

/** Milliseconds between two signs of life. */
const beat = 5000;
/** Milliseconds without a sign of life after which a process that cannot be looked up counts as ended. */
const patienceDefault = 30_000;
/** Milliseconds in which a lock that was moved aside by mistake is back. */
const absence = 500;

/** The process that writes a run folder, as its lock names it. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** Where `pid` means this process: a number counts within one boot of one machine, and within one container. */
  readonly system: string;
  /** When the process started, as its system tells it: numbers are used again. Null where the system does not say. */
  readonly start: string | null;
  /** Tells two locks of one process apart. */
  readonly token: string;
}

/** A lock as it was found. */
interface Found {
  readonly text: string;
  readonly touched: number;
  /** Undefined while it is being written, or where a crash has cut it. */
  readonly holder: Holder | undefined;
}

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told where it takes a while to see whether the process that has the lock lives. */
  readonly onWait?: ((message: string) => void) | undefined;
  readonly patience?: number | undefined;
}

/**
 * The right to write a run folder, which one process has at a time: a file that names it and that it touches every few
 * seconds. The lock of a process that has ended counts no more. On the same system that is looked up; of a process on
 * another machine, or in another container, its lock tells: it is untouched for a while. No two clocks are compared. A
 * process that was paused for so long may have lost it, so that it checks before it writes.
 */
export class RunLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #token: string;
  readonly #beating: NodeJS.Timeout;

  private constructor(folder: string, token: string) {
    this.#folder = folder;
    this.#path = join(folder, lockFile);
    this.#token = token;
    this.#beating = setInterval(() => {
      // Where it fails the folder is gone, or its disk; the run itself will say so.
      this.#touch().catch(() => undefined);
    }, beat).unref();
  }

  /** @throws InputError where another process has it, or the folder cannot be written */
  static async take(folder: string, options: LockOptions = {}): Promise<RunLock> {
    const path = join(folder, lockFile);
    const found = await read(path);
    if (found) {
      if (await isAlive(folder, found, options)) throw inUse(folder, await read(path));
      await takeAway(folder, found);
    }
    const holder = await thisProcess();
    try {
      // Of several processes that try at once, all but the first fail.
      await onFile('write', folder, () => writeFlushed(path, 'wx', toJson({ ...holder })));
    } catch (error) {
      if (errorCode((error as Error).cause) === 'EEXIST') throw inUse(folder, await read(path));
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    return new RunLock(folder, holder.token);
  }

  /** @throws InputError where another process has it, or had it in the meantime */
  async check(): Promise<void> {
    let found = await read(this.#path);
    if (!found) {
      await sleep(absence);
      found = await read(this.#path);
    }
    if (this.#isOwn(found)) return;
    if (!(await isFolder(this.#folder)))
      throw new InputError(`${this.#folder}: the folder is gone; this run ends here, without writing`);
    throw lost(this.#folder, found);
  }

  /** Lets others have it. A lock that cannot be removed does no harm: its process will have ended. */
  async release(): Promise<void> {
    clearInterval(this.#beating);
    const found = await read(this.#path).catch(() => undefined);
    if (this.#isOwn(found)) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  /** A sign of life; another's lock is left alone. */
  async #touch(): Promise<void> {
    if (!this.#isOwn(await read(this.#path))) return;
    const now = new Date();
    await utimes(this.#path, now, now);
  }

  #isOwn(found: Found | undefined): boolean {
    return found?.holder?.token === this.#token;
  }
}

/** Undefined where there is no lock. */
async function read(path: string): Promise<Found | undefined> {
  return onFile('read', path, async () => {
    try {
      // Opened each time: a network's file system looks at the server then.
      const file = await open(path);
      try {
        const text = await file.readFile('utf8');
        return { text, touched: (await file.stat()).mtimeMs, holder: parse(text) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  });
}

function parse(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && Number.isInteger(value.pid) ? (value as unknown as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive(
  folder: string,
  found: Found,
  { signal, onWait, patience = patienceDefault }: LockOptions,
): Promise<boolean> {
  const known = found.holder && (await lookUp(found.holder));
  if (known !== undefined) return known;
  onWait?.(
    `${folder}: ${named(found.holder)} may still train it; waits ${patience / 1000} s for a sign of life`,
  );
  for (const end = performance.now() + patience; performance.now() < end;) {
    await sleep(Math.min(500, patience));
    signal?.throwIfAborted();
    const now = await read(join(folder, lockFile));
    if (!now) return false;
    if (now.text !== found.text || now.touched !== found.touched) return true;
  }
  return false;
}

/** Whether a process of this system lives; undefined where that cannot be told from here. */
async function lookUp({ pid, system, start }: Holder): Promise<boolean | undefined> {
  if (system !== (await thisSystem())) return undefined;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Any other error is that of a process of someone else.
    if (errorCode(error) === 'ESRCH') return false;
  }
  const found = await statOf(pid);
  // One that nobody has waited for keeps its number, and writes no more.
  if (found?.hasEnded) return false;
  return !found || start === null ? undefined : found.start === start;
}

/** Removes the lock of a process that has ended, and no other: one that was faster may have taken it over. */
async function takeAway(folder: string, found: Found): Promise<void> {
  const path = join(folder, lockFile);
  // Not as a temporary: it may be the lock of one that was faster, and sweeps temporaries up.
  const aside = temporaryBeside(path, 'aside');
  try {
    await onFile('write', folder, () => rename(path, aside));
  } catch (error) {
    if (errorCode((error as Error).cause) === 'ENOENT') return;
    throw error;
  }
  const taken = await read(aside);
  if (taken && taken.text !== found.text) {
    await rename(aside, path);
    throw inUse(folder, taken);
  }
  await rm(aside, { force: true });
}

function inUse(folder: string, found: Found | undefined): InputError {
  return new InputError(
    `${folder}: ${named(found?.holder)} has been training it${since(found)} (${lockFile} there); stop that one first, or use another --out`,
  );
}

function lost(folder: string, found: Found | undefined): InputError {
  const what = found
    ? `was taken over by ${named(found.holder)}${since(found)} (${lockFile} there)`
    : `its ${lockFile} is gone, so that another process may have trained it`;
  return new InputError(
    `${folder}: ${what}; this run ends here, without writing; --resume goes on from the newest checkpoint`,
  );
}

const since = (found: Found | undefined) => (found?.holder ? ` since ${found.holder.since}` : '');

const named = (holder: Holder | undefined) =>
  holder
    ? `process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`}`
    : 'another process';

async function thisProcess(): Promise<Holder> {
  return {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString().replace(/\.\d+/, ''),
    system: await thisSystem(),
    start: (await statOf(process.pid))?.start ?? null,
    token: randomBytes(8).toString('hex'),
  };
}

/** On Linux the boot and the space of process numbers, which containers have of their own; elsewhere the host's name. */
async function thisSystem(): Promise<string> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return `${boot.trim()} ${await readlink('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

interface ProcessStat {
  /** It is a zombie or less, and none of its threads is left. */
  readonly hasEnded: boolean;
  /** In ticks since the boot. */
  readonly start: string | null;
}

/** What the system tells of a process; undefined where there is no /proc. */
async function statOf(pid: number): Promise<ProcessStat | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may hold spaces and brackets. The state comes after it, the threads are the
    // 18th field, the start is the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { hasEnded: /^[ZXx]$/.test(fields[0]!) && Number(fields[17]) <= 1, start: fields[19] ?? null };
  } catch {
    return undefined;
  }
}
