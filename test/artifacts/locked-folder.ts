import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryFolder } from '../temporary-folder.ts';

/** The user `nobody`, as whom root does what root is never refused. */
const nobody = 65534;

/** Runs something on a folder that may be read and entered, and not written to. */
export async function withLockedFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(temporaryFolder(), 'locked');
  mkdirSync(folder, { mode: 0o500 });
  if (process.geteuid?.() !== 0) return run(folder);
  chmodSync(dirname(folder), 0o755);
  chownSync(folder, nobody, nobody);
  process.seteuid!(nobody);
  try {
    await run(folder);
  } finally {
    process.seteuid!(0);
  }
}
