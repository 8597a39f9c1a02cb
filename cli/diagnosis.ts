import { createRequire } from 'node:module';
import { rm } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { temporaryBeside, writeFileAtomic } from '../artifacts/files.ts';
import { PackageError } from '../artifacts/native-package.ts';
import { installRuntime } from '../artifacts/onnxruntime-node.ts';
import { encodeImage } from '../artifacts/png.ts';
import { loadSharp } from '../artifacts/sharp.ts';
import { deviceFindings } from './device-diagnosis.ts';
import type { Finding } from './finding.ts';

const leastNode = [20, 19] as const;

/** Every check, in the order in which it is printed. Nothing is left behind. */
export async function diagnose(folder: string): Promise<Finding[]> {
  const runtime = runtimeVersion();
  const devices = runtime.status === 'ok' ? await deviceFindings() : [];
  return [nodeVersion(), runtime, ...devices, await images(), await disk(folder), threads(), memory()];
}

function nodeVersion(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const [leastMajor, leastMinor] = leastNode;
  const enough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  const detail = `${node} (>= ${leastNode.join('.')} is needed), ${process.platform}-${process.arch}`;
  return enough
    ? { name: 'node', status: 'ok', detail }
    : { name: 'node', status: 'failed', detail, advice: ['install a newer Node.js from https://nodejs.org'] };
}

function runtimeVersion(): Finding {
  const name = 'onnxruntime-node';
  try {
    const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as {
      version: string;
    };
    return { name, status: 'ok', detail: version };
  } catch {
    return { name, status: 'failed', detail: 'not installed', advice: [installRuntime] };
  }
}

async function images(): Promise<Finding> {
  try {
    const { length } = await encodeImage(new Float32Array(3 * 16), { channels: 3, height: 4, width: 4 });
    const { versions } = await loadSharp();
    return { name: 'sharp', status: 'ok', detail: `${versions.sharp}, wrote a PNG of ${length} bytes` };
  } catch (error) {
    const { problem: detail, install } =
      error instanceof PackageError ? error : { problem: firstLine(error), install: undefined };
    return {
      name: 'sharp',
      status: 'failed',
      detail,
      ...(install === undefined ? {} : { advice: [install] }),
    };
  }
}

/** Permissions alone do not tell whether a folder can be written, so a file is. */
async function disk(folder: string): Promise<Finding> {
  const probe = temporaryBeside(join(folder, 'ganx-doctor'));
  try {
    await writeFileAtomic(probe, 'ganx');
    return { name: 'disk', status: 'ok', detail: `${folder} can be written` };
  } catch (error) {
    const advice = ['change to a folder of yours, or give --out'];
    return { name: 'disk', status: 'failed', detail: firstLine(error), advice };
  } finally {
    await rm(probe, { force: true });
  }
}

function threads(): Finding {
  const cores = availableParallelism();
  return { name: 'threads', status: 'ok', detail: `${cores} core${cores === 1 ? '' : 's'}` };
}

function memory(): Finding {
  // The limit of a container; without one it is 0 or a number beyond all memory.
  const limit = process.constrainedMemory() || Infinity;
  const total = Math.min(totalmem(), limit);
  const limited = limit < totalmem() ? ', limited by the container' : '';
  return {
    name: 'memory',
    status: 'ok',
    detail: `${gibibytes(total)} GiB, ${gibibytes(Math.min(freemem(), total))} free${limited}`,
  };
}

const gibibytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
const firstLine = (error: unknown) => (error as Error).message.split('\n', 1)[0]!;
