import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs a script that lies beside this file; returns its stdout, throws its stderr. */
export function python(script: string, ...args: readonly string[]): string {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { status, stdout, stderr } = spawnSync('python3', [path, ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}
