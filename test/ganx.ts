import { spawn } from 'node:child_process';
import type { SpawnOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const program = join(import.meta.dirname, '../dist/cli/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** May act on what a program has printed so far. */
type OnOutput = (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;

/** Runs the built `ganx` in a folder, as a user would. */
export function ganx(
  args: readonly string[],
  cwd: string,
  onOutput?: OnOutput,
  uid?: number,
): Promise<Outcome> {
  const options = { cwd, ...(uid === undefined ? {} : { uid }) };
  return run(process.execPath, [program, ...args], options, '', onOutput);
}

export function run(
  command: string,
  args: readonly string[],
  options: SpawnOptions,
  input = '',
  onOutput?: OnOutput,
): Promise<Outcome> {
  if (!existsSync(program)) throw new Error(`${program} is missing: run "npm run build" first`);
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const)
      // As text, or a character that comes in two parts would be broken.
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        output[stream] += text;
        if (stream === 'stdout') onOutput?.(output.stdout, (signal) => child.kill(signal));
      });
    // It may end before it has read its input.
    child.stdin.on('error', () => undefined).end(input);
    child.on('error', reject).on('close', (code) => {
      resolve({ code, ...output });
    });
  });
}

/** What bad input or usage comes to: one line, nothing on stdout, exit 2. */
export const refusal = (message: string): Outcome => ({ code: 2, stdout: '', stderr: `ganx: ${message}\n` });
