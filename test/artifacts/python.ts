import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why Python cannot be asked, or undefined where it can import all of `modules`. */
export function pythonLacks(...modules: readonly string[]): string | undefined {
  const { status } = spawnSync('python3', ['-c', `import ${modules.join(', ')}`]);
  return status === 0 ? undefined : `python3 with ${modules.join(' and ')} is not here`;
}

/** Runs a Python program on files of one folder; returns its stdout, throws its stderr. */
export function python(program: string, files: Readonly<Record<string, Uint8Array>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'ganx-python-'));
  try {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    const { status, stdout, stderr } = spawnSync('python3', ['-c', program], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
