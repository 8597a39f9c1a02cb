import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import {
  appendLine,
  makeFolder,
  onFile,
  pathExists,
  readJsonObject,
  temporaryBeside,
  writeFileAtomic,
  writeJson,
} from '../../artifacts/files.ts';
import { withLockedFolder } from './locked-folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

describe('writeFileAtomic', () => {
  test('writes and replaces, and leaves nothing else', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'a.bin');
    await writeFileAtomic(path, Uint8Array.of(1, 2));
    await writeFileAtomic(path, 'text');
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(readdirSync(folder)).toEqual(['a.bin']);
  });

  test('a failure keeps the old content and removes the temporary', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'taken');
    mkdirSync(join(path, 'inside'), { recursive: true });
    await expect(writeFileAtomic(path, 'x')).rejects.toThrow(
      `${path}: cannot write: it is a folder (EISDIR)`,
    );
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(existsSync(join(path, 'inside'))).toBe(true);
  });

  test('names path and cause', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const under = join(folder, 'file', 'x');
    const error = await writeFileAtomic(under, 'x').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toBe(
      `${under}: cannot write: a part of the path is a file, not a folder (ENOTDIR)`,
    );
    const missing = join(folder, 'missing', 'x');
    await expect(writeFileAtomic(missing, 'x')).rejects.toThrow(
      `${missing}: cannot write: no such file or folder (ENOENT)`,
    );
  });

  test('a folder without permission', () =>
    withLockedFolder(async (folder) => {
      const path = join(folder, 'x');
      await expect(writeFileAtomic(path, 'x')).rejects.toThrow(
        `${path}: cannot write: permission denied (EACCES)`,
      );
    }));
});

test('names of what is unfinished do not begin anew with each process', () => {
  const names = Array.from({ length: 100 }, () => temporaryBeside('a/b.png'));
  expect(new Set(names).size).toBe(100);
  for (const name of names) expect(name).toMatch(/^a[/\\]\.b\.png\.[\da-f]{16}\.tmp$/);
});

test.each([
  ['EACCES', 'permission denied'],
  ['ENOSPC', 'no space left on the device'],
  ['EROFS', 'the file system is read-only'],
  ['ELOOP', 'a symbolic link leads back to itself'],
])('%s is said in words', async (code, words) => {
  const fail = () => Promise.reject(Object.assign(new Error('raw'), { code }));
  await expect(onFile('write', '/p', fail)).rejects.toThrow(
    new InputError(`/p: cannot write: ${words} (${code})`),
  );
});

test('a code without words of ours has those of the system', async () => {
  const fail = () => Promise.reject(Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' }));
  await expect(onFile('read', '/p', fail)).rejects.toThrow(
    new InputError('/p: cannot read: i/o error (EIO)'),
  );
});

// Node's own recursive mkdir never returns there.
test.skipIf(!existsSync('/proc/self'))(
  'a folder where none can be made (skipped where /proc is not)',
  async () => {
    await expect(makeFolder('/proc/ganx/run')).rejects.toThrow('/proc/ganx/run: cannot write: ');
  },
);

test('a fault of the program stays what it is', async () => {
  const fail = () => Promise.reject(new TypeError('bug'));
  await expect(onFile('write', '/p', fail)).rejects.toThrow(TypeError);
});

test.skipIf(!existsSync('/dev/full'))('a full device (skipped where /dev/full is not)', async () => {
  await expect(appendLine('/dev/full', 'x')).rejects.toThrow(
    '/dev/full: cannot write: no space left on the device (ENOSPC)',
  );
});

test('whether a path exists, or why that cannot be told', () =>
  withLockedFolder(async (folder) => {
    const within = join(folder, 'x');
    expect(await pathExists(folder)).toBe(true);
    expect(await pathExists(within)).toBe(false);
    expect(await pathExists(join(import.meta.filename, 'x'))).toBe(false);
    chmodSync(folder, 0);
    const refusal = `${within}: cannot read: permission denied (EACCES)`;
    await expect(pathExists(within)).rejects.toThrow(new InputError(refusal));
    chmodSync(folder, 0o500);
  }));

describe('JSON files', () => {
  test('round trip', async () => {
    const path = join(temporaryFolder(), 'r.json');
    await writeJson(path, { a: [1, 'x', null] });
    expect(await readJsonObject(path)).toEqual({ a: [1, 'x', null] });
  });

  test.each([
    ['{"a": ', /^\S+r\.json: not valid JSON \(.+\)$/],
    ['[1]', /r\.json: must hold a JSON object, not a list$/],
    ['3', /r\.json: must hold a JSON object, not a number$/],
  ])('refuses %s', async (text, message) => {
    const path = join(temporaryFolder(), 'r.json');
    writeFileSync(path, text);
    await expect(readJsonObject(path)).rejects.toThrow(message);
  });
});
