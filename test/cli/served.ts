import { spawn } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { program } from '../ganx.ts';
import type { Outcome } from '../ganx.ts';

export interface Served {
  readonly url: string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<Outcome>;
}

/** `ganx serve` as a user starts it, on a free port; ended with the test. */
export async function served(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const child = spawn(process.execPath, [program, 'serve', ...args, '--port', '0', '--threads', '1'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  const ended = new Promise<Outcome>((resolve) => {
    child.on('close', (code) => {
      resolve({ code, ...output });
    });
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      const [url] = /^http:.+$/m.exec(output.stdout) ?? [];
      if (url !== undefined) resolve(url);
    });
    void ended.then(({ code, stderr }) => {
      reject(new Error(`ganx serve ended with ${code}: ${stderr}`));
    });
  });
  return { url, ended, kill: (signal) => child.kill(signal) };
}
