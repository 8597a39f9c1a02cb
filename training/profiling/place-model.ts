import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
 * @param model its bytes, or the path of a file, beside which its weights may lie
 * @param source what messages call the model
 * @throws InputError where the device does not work, or onnxruntime refuses the model
 */
export async function placeModel(
  model: Uint8Array | string,
  device: Device,
  source: string,
): Promise<Placement> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-placement-'));
  try {
    const logFile = join(folder, 'log.txt');
    const { code, problem } = await logSession(model, device, logFile);
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
  model: Uint8Array | string,
  device: Device,
  logFile: string,
): Promise<{ code: number | null; problem: string }> {
  const program = fileURLToPath(new URL('log-placement.js', import.meta.url));
  const log = await open(logFile, 'w');
  try {
    const [path, bytes] = typeof model === 'string' ? [[resolve(model)], undefined] : [[], model];
    const child = spawn(process.execPath, [program, JSON.stringify(device), ...path], {
      stdio: ['pipe', 'pipe', log.fd],
    });
    let problem = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (problem += text));
    // It may end before it has read the model.
    child.stdin!.on('error', () => undefined).end(bytes);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject).on('close', resolve);
    });
    return { code, problem: problem.trim() };
  } finally {
    await log.close();
  }
}
