import { open, readFile, readlink, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InputError } from './errors.ts';
import { errorCode, isJsonObject, onFile, temporaryBeside, toJson, writeFlushed } from './files.ts';

export const lockFile = 'lock.json';

/** Milliseconds between two signs of life. */
const beat = 5000;
/** Milliseconds without a sign of life after which a process that cannot be looked up counts as ended. */
const patienceDefault = 30_000;

/** The process that writes a run folder, as its lock names it. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly since: string;
  /** Where `pid` means this process: a number counts within one boot of one machine, and within one container. */
  readonly system: string;
  /** When the process started, as its system tells it: numbers are used again. Null where the system does not say. */
  readonly start: string | null;
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
 * another machine, or in another container, its lock tells: it is untouched for a while. No two clocks are compared.
 */
export class RunLock {
  readonly #path: string;
  readonly #text: string;
  readonly #beating: NodeJS.Timeout;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
    this.#beating = setInterval(() => {
      const now = new Date();
      // Where it fails the folder is gone, or its disk; the run itself will say so.
      utimes(path, now, now).catch(() => undefined);
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
    const text = toJson({ ...(await thisProcess()) });
    try {
      // Of several processes that try at once, all but the first fail.
      await onFile('write', folder, () => writeFlushed(path, 'wx', text));
    } catch (error) {
      if (errorCode((error as Error).cause) === 'EEXIST') throw inUse(folder, await read(path));
      await rm(path, { force: true }).catch(() => undefined);
      throw error;
    }
    return new RunLock(path, text);
  }

  /** Lets others have it. A lock that cannot be removed does no harm: its process will have ended. */
  async release(): Promise<void> {
    clearInterval(this.#beating);
    const found = await read(this.#path).catch(() => undefined);
    if (found?.text === this.#text) await rm(this.#path, { force: true }).catch(() => undefined);
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
  const found = await startOf(pid);
  return found === null || start === null ? undefined : found === start;
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
  const since = found?.holder ? ` since ${found.holder.since}` : '';
  return new InputError(
    `${folder}: ${named(found?.holder)} has been training it${since} (${lockFile} there); stop that one first, or use another --out`,
  );
}

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
    start: await startOf(process.pid),
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

/** When a process started, in ticks since the boot; null where there is no /proc. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in brackets, may hold spaces and brackets; the start is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
