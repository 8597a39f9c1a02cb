import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs something in a new folder with these files, and removes it. */
export function inFolder<T>(
  files: Readonly<Record<string, Uint8Array | string>>,
  run: (folder: string) => T,
): T {
  const folder = mkdtempSync(join(tmpdir(), 'ganx-conformance-'));
  try {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    return run(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
