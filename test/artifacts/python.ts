import { spawnSync } from 'node:child_process';
import { inFolder } from '../temporary-folder.ts';

/** Why Python cannot be asked, or undefined where it can import all of `modules`. */
export function pythonLacks(...modules: readonly string[]): string | undefined {
  const { status } = spawnSync('python3', ['-c', `import ${modules.join(', ')}`]);
  return status === 0 ? undefined : `python3 with ${modules.join(' and ')} is not here`;
}

/** Runs a Python program on files of one folder; returns its stdout, throws its stderr. */
export function python(program: string, files: Readonly<Record<string, Uint8Array>> = {}): string {
  const { status, stdout, stderr } = inFolder(files, (cwd) =>
    spawnSync('python3', ['-c', program], { cwd, encoding: 'utf8' }),
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
