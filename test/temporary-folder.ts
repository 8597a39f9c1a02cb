import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

const create = () => mkdtempSync(join(tmpdir(), 'ganx-test-'));
const remove = (folder: string) => {
  rmSync(folder, { recursive: true, force: true });
};

/** A new folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = create();
  onTestFinished(() => {
    remove(folder);
  });
  return folder;
}

/** One for several tests, asked for outside of them: it goes away after all of the file, or of the `describe` around. */
export function sharedFolder(): string {
  const folder = create();
  afterAll(() => {
    remove(folder);
  });
  return folder;
}

/** Runs something in a new folder with these files, and removes it. */
export function inFolder<T>(
  files: Readonly<Record<string, Uint8Array | string>>,
  run: (folder: string) => T,
): T {
  const folder = create();
  try {
    for (const [name, data] of Object.entries(files)) writeFileSync(join(folder, name), data);
    return run(folder);
  } finally {
    remove(folder);
  }
}
