import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { RunLock } from '../../artifacts/run-lock.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const soon = { patience: 200 };
const isLinux = process.platform === 'linux';

const lockIn = (folder: string) => join(folder, 'lock.json');
const holder = (folder: string) =>
  JSON.parse(readFileSync(lockIn(folder), 'utf8')) as Record<string, unknown>;

/** A lock of this process, released, with some of what it said changed. */
async function leftBehind(change: Record<string, unknown>): Promise<string> {
  const folder = temporaryFolder();
  const lock = await RunLock.take(folder);
  const said = { ...holder(folder), ...change };
  await lock.release();
  writeFileSync(lockIn(folder), JSON.stringify(said));
  return folder;
}

/** A process that has ended. */
const ended = () => spawnSync(process.execPath, ['--eval', '']).pid;

const refusal = (taking: Promise<RunLock>) =>
  taking.then(
    async (lock) => {
      await lock.release();
      return 'taken';
    },
    (error: unknown) => (error as Error).message,
  );

test('is refused while its process lives, naming it, and free once it is released', async () => {
  const folder = temporaryFolder();
  const lock = await RunLock.take(folder);
  expect(holder(folder)).toMatchObject({ pid: process.pid, host: hostname() });
  expect(await refusal(RunLock.take(folder, soon))).toBe(
    `${folder}: process ${process.pid} has been training it since ${String(holder(folder).since)} (lock.json there); stop that one first, or use another --out`,
  );
  await lock.release();
  expect(readdirSync(folder)).toEqual([]);
  expect(await refusal(RunLock.take(folder))).toBe('taken');
});

test('goes to one of several that ask at once, also where it was left behind', async () => {
  for (const folder of [temporaryFolder(), await leftBehind({ pid: ended() })]) {
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => RunLock.take(folder)));
    const taken = asked.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    expect(taken).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['lock.json']);
    await taken[0]!.release();
  }
});

test('that was left behind, and taken over by another a moment before, stays with the other', async () => {
  const folder = await leftBehind({ pid: ended() });
  const other = JSON.stringify({ ...holder(folder), pid: 12345 });
  const looking = vi.spyOn(process, 'kill').mockImplementation(() => {
    writeFileSync(lockIn(folder), other);
    throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
  });
  onTestFinished(() => {
    looking.mockRestore();
  });
  expect(await refusal(RunLock.take(folder))).toMatch(`${folder}: process 12345 has been training it`);
  expect(readFileSync(lockIn(folder), 'utf8')).toBe(other);
  expect(readdirSync(folder)).toEqual(['lock.json']);
});

test('of a process that has ended is taken over at once', async () => {
  const folder = await leftBehind({ pid: ended() });
  const waits: string[] = [];
  const lock = await RunLock.take(folder, { onWait: (message) => waits.push(message) });
  onTestFinished(() => lock.release());
  expect(holder(folder).pid).toBe(process.pid);
  expect(waits).toEqual([]);
});

test.skipIf(!isLinux)(
  'of a process whose number another one has now is taken over at once (skipped but on Linux, where /proc tells when a process began)',
  async () => {
    const folder = await leftBehind({ start: '1' });
    const waits: string[] = [];
    expect(await refusal(RunLock.take(folder, { onWait: (message) => waits.push(message) }))).toBe('taken');
    expect(waits).toEqual([]);
  },
);

test.skipIf(!isLinux)(
  'of a process that has ended, and for which nobody has waited, is taken over at once (skipped but on Linux, where /proc shows such processes)',
  async () => {
    // The shell becomes a program that never waits for what the shell began.
    const parent = spawn('sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 60']);
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    const stat = () => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    await expect.poll(() => stat()[0]).toBe('Z');
    const folder = await leftBehind({ pid, start: stat()[19] });
    expect(await refusal(RunLock.take(folder))).toBe('taken');
  },
);

test('of another machine is taken over where it is not touched for a while', async () => {
  // The number of a process that lives here, which means nothing.
  const folder = await leftBehind({ host: 'far', system: 'another boot' });
  const waits: string[] = [];
  expect(await refusal(RunLock.take(folder, { ...soon, onWait: (message) => waits.push(message) }))).toBe(
    'taken',
  );
  expect(waits).toEqual([
    `${folder}: process ${process.pid} on far may still train it; waits 0.2 s for a sign of life`,
  ]);
});

test('of another machine is refused where it is touched, whatever the clock there says', async () => {
  const folder = await leftBehind({ host: 'far', system: 'another boot', pid: ended() });
  const old = new Date(2001, 1, 1);
  utimesSync(lockIn(folder), old, old);
  const touched = setTimeout(() => {
    utimesSync(lockIn(folder), old, new Date(2001, 1, 2));
  }, 100);
  onTestFinished(() => {
    clearTimeout(touched);
  });
  expect(await refusal(RunLock.take(folder, { patience: 5000 }))).toMatch(/process \d+ on far has been/);
  expect(existsSync(lockIn(folder))).toBe(true);
});

test('that a crash has cut is taken over after a while', async () => {
  const folder = temporaryFolder();
  writeFileSync(lockIn(folder), '{ "pi');
  expect(await refusal(RunLock.take(folder, soon))).toBe('taken');
});

describe('check', () => {
  test('finds that it is there, also where it comes back in a moment', async () => {
    const folder = temporaryFolder();
    const lock = await RunLock.take(folder);
    onTestFinished(() => lock.release());
    await lock.check();
    // As one does that takes it for the lock of a process that has ended.
    const aside = join(folder, 'aside');
    renameSync(lockIn(folder), aside);
    setTimeout(() => {
      renameSync(aside, lockIn(folder));
    }, 100);
    await lock.check();
  });

  test('finds that it was removed, or another has it, which keeps it', async () => {
    const folder = temporaryFolder();
    const lock = await RunLock.take(folder);
    rmSync(lockIn(folder));
    await expect(lock.check()).rejects.toThrow(
      `${folder}: its lock.json is gone, so that another process may have trained it; this run ends here, without writing; --resume goes on from the newest checkpoint`,
    );
    // Of the same process, in the same second.
    const second = await RunLock.take(folder);
    onTestFinished(() => second.release());
    await expect(lock.check()).rejects.toThrow(
      `${folder}: was taken over by process ${process.pid} since ${String(holder(folder).since)} (lock.json there); this run ends here, without writing`,
    );
    await lock.release();
    await second.check();
  });
});

test('of another is not touched by one that has lost it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const folder = temporaryFolder();
  const lock = await RunLock.take(folder);
  onTestFinished(() => lock.release());
  const old = new Date(2001, 1, 1);
  const touched = () => statSync(lockIn(folder)).mtimeMs !== old.getTime();
  utimesSync(lockIn(folder), old, old);
  await vi.advanceTimersByTimeAsync(6000);
  await expect.poll(touched).toBe(true);
  writeFileSync(lockIn(folder), JSON.stringify({ ...holder(folder), token: 'of another' }));
  utimesSync(lockIn(folder), old, old);
  await vi.advanceTimersByTimeAsync(6000);
  await sleep(200);
  expect(touched()).toBe(false);
});

test('is waited for only until a signal', async () => {
  const folder = await leftBehind({ system: 'another boot' });
  const stop = new AbortController();
  setTimeout(() => {
    stop.abort(new Error('stopped'));
  }, 50);
  expect(await refusal(RunLock.take(folder, { signal: stop.signal }))).toBe('stopped');
});

test('keeps no process alive, and shows that its own lives', async () => {
  const folder = temporaryFolder();
  const module = JSON.stringify(join(import.meta.dirname, '../../dist/artifacts/run-lock.js'));
  const script = `
    const { RunLock } = await import(${module});
    await RunLock.take(${JSON.stringify(folder)});
    if (process.argv[1]) setTimeout(() => {}, 60_000);`;
  expect(
    spawnSync(process.execPath, ['--input-type=module', '--eval', script], { timeout: 30_000 }).status,
  ).toBe(0);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script, 'stay']);
  onTestFinished(() => void child.kill('SIGKILL'));
  await expect.poll(() => holder(folder).pid, { timeout: 20_000 }).toBe(child.pid);
  // As another machine sees it.
  writeFileSync(lockIn(folder), JSON.stringify({ ...holder(folder), system: 'another boot' }));
  expect(await refusal(RunLock.take(folder))).toMatch(`process ${child.pid}`);
  child.kill('SIGKILL');
  await once(child, 'close');
}, 60_000);
