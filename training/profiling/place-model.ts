import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Device } from '../../artifacts/device.ts';
import { InputError, withoutPlace } from '../../artifacts/errors.ts';
import { doesNotWork } from '../device/device.ts';
import { readPlacement } from './placement.ts';
import type { Placement } from './placement.ts';

/**
 * Where onnxruntime places the nodes of a model when it is to be computed on a device. A process of its own makes the
 * session: onnxruntime writes its log to the standard error of the process.
 *
 * @param source its path, or that of the run that it is of: what messages call it, and beside which weights lie that are
 * in a file of their own
 * @throws InputError where the device does not work, or onnxruntime refuses the model
 */
export async function placeModel(model: Uint8Array, device: Device, source: string): Promise<Placement> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-placement-'));
  try {
    const logFile = join(folder, 'log.txt');
    const { code, problem } = await logSession(model, device, logFile, dirname(source));
    if (code === 0) return readPlacement(await readFile(logFile, 'utf8'));
    const cause = new Error(problem || `the process ended with ${code ?? 'a signal'}`);
    if (device.kind !== 'cpu') throw doesNotWork(device, cause);
    throw new InputError(`${source}: onnxruntime refuses the model (${withoutPlace(cause.message)})`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The log goes to a file: a pipe that is full for a moment would lose the rest of it. */
async function logSession(
  model: Uint8Array,
  device: Device,
  logFile: string,
  cwd: string,
): Promise<{ code: number | null; problem: string }> {
  const program = fileURLToPath(new URL('log-placement.js', import.meta.url));
  const log = await open(logFile, 'w');
  try {
    const child = spawn(process.execPath, [program, JSON.stringify(device)], {
      stdio: ['pipe', 'pipe', log.fd],
      // Where onnxruntime looks for the weights of a model that it is given as bytes.
      cwd,
    });
    let problem = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (problem += text));
    // It may end before it has read the model.
    child.stdin!.on('error', () => undefined).end(model);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    return { code, problem: problem.trim() };
  } finally {
    await log.close();
  }
}
