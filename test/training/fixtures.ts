import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '../..');

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const unpacked = new Map<string, Promise<Buffer>>();

/** A file of the digits that ship with ganx, unpacked once; a copy, as callers write into it. */
async function shippedDigits(name: string): Promise<Buffer> {
  const path = join(root, 'training/data/digits', `${name}.gz`);
  if (!unpacked.has(name))
    unpacked.set(
      name,
      readFile(path).then((bytes) => gunzipSync(bytes)),
    );
  return Buffer.from(await unpacked.get(name)!);
}

/** The first `count` of the digits that ship with ganx, as plain IDX files in a folder. */
export async function writeDigits(folder: string, count: number): Promise<string> {
  const cut = async (name: string, header: number, bytes: number) => {
    const file = (await shippedDigits(name)).subarray(0, header + count * bytes);
    file.writeUInt32BE(count, 4);
    await writeFile(join(folder, name), file);
  };
  await cut('t10k-images-idx3-ubyte', 16, 28 * 28);
  await cut('t10k-labels-idx1-ubyte', 8, 1);
  return folder;
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command-line program. `onOutput` may act on what it has printed so far. */
export function ganx(
  args: readonly string[],
  cwd: string,
  onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void,
  uid?: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
      cwd,
      ...(uid === undefined ? {} : { uid }),
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      onOutput?.(stdout, (signal) => child.kill(signal));
    });
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.on('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** A network that trains in milliseconds a step. */
export const tiny = ['--size', '16', '--batch', '8', '--set', 'network.filters=4', '--set', 'network.zDim=8'];
