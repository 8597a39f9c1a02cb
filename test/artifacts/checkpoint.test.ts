import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import {
  latestCheckpoint,
  listCheckpoints,
  loadCheckpoint,
  pruneCheckpoints,
  saveCheckpoint,
} from '../../artifacts/checkpoint.ts';
import { InputError } from '../../artifacts/errors.ts';
import type { JsonObject } from '../../artifacts/files.ts';
import { encodeSafetensors } from '../../artifacts/safetensors.ts';
import { tensor } from '../../graph-builder/types.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { withLockedFolder } from './locked-folder.ts';

// Works as ever, but where a test lets it fail.
vi.mock('node:fs/promises', { spy: true });

const contents = (step: number) => ({
  step,
  manifest: { provider: 'cpu', data: { epoch: 1, position: step } },
  tensors: new Map([
    ['generator/w', tensor('float32', [step, -0], [2, 1])],
    ['step', tensor('int32', [step], [])],
  ]),
});

async function runWith(...steps: number[]): Promise<string> {
  const run = temporaryFolder();
  for (const step of steps) await saveCheckpoint(run, contents(step));
  return run;
}

// A limit on the size of files is the one way for any user to make a write fail midway.
test.skipIf(process.platform === 'win32')(
  'a write that fails names the checkpoint, not what is in the making (skipped on Windows, which has no ulimit)',
  () => {
    const run = temporaryFolder();
    const module = pathToFileURL(join(import.meta.dirname, '../../dist/artifacts/checkpoint.js')).href;
    const script = `
    const { saveCheckpoint } = await import(${JSON.stringify(module)});
    const w = { dtype: 'float32', shape: [100000], data: new Float32Array(100000) };
    await saveCheckpoint(${JSON.stringify(run)}, { step: 5, manifest: {}, tensors: new Map([['w', w]]) })
      .catch(({ message }) => { console.log(message); });`;
    const shell = 'ulimit -f 100; exec "$0" --input-type=module --eval "$1"';
    const { stdout } = spawnSync('sh', ['-c', shell, process.execPath, script], { encoding: 'utf8' });
    expect(stdout).toBe(`${folderOf(run, 5)}: cannot write: file too large (EFBIG)\n`);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual([]);
  },
);

const folderOf = (run: string, step: number) => join(run, 'checkpoints', `step-${step}`);

/** Changes one byte in the middle of a file, which keeps its size. */
function flipByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
}

/** Changes a manifest and takes its checksum out, which those of older builds lack. */
function editManifest(folder: string, change: JsonObject): void {
  const path = join(folder, 'manifest.json');
  const { manifestSha256, ...manifest } = JSON.parse(readFileSync(path, 'utf8')) as JsonObject;
  expect(manifestSha256).toMatch(/^[\da-f]{64}$/);
  writeFileSync(path, JSON.stringify({ ...manifest, ...change }));
}

/** Replaces a text in a manifest, as one flipped bit does that leaves valid JSON. */
function garble(folder: string, text: string | RegExp, other: string): void {
  const path = join(folder, 'manifest.json');
  const before = readFileSync(path, 'utf8');
  expect(before).toMatch(text);
  writeFileSync(path, before.replace(text, other));
}

describe('a checkpoint', () => {
  test('comes back as it was saved, and leaves no other file', async () => {
    const run = temporaryFolder();
    const folder = await saveCheckpoint(run, contents(7));
    expect(folder).toBe(folderOf(run, 7));
    expect(await loadCheckpoint(folder)).toEqual({ folder, ...contents(7) });
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-7']);
    expect(readdirSync(folder).sort()).toEqual(['manifest.json', 'state.safetensors']);
  });

  test('of a build that gave manifests no checksum comes back too', async () => {
    const folder = await saveCheckpoint(temporaryFolder(), contents(7));
    editManifest(folder, {});
    expect(await loadCheckpoint(folder)).toEqual({ folder, ...contents(7) });
  });

  test('replaces one of the same step', async () => {
    const run = await runWith(3);
    await saveCheckpoint(run, { ...contents(3), tensors: new Map([['w', tensor('float32', [5])]]) });
    const { tensors } = await loadCheckpoint(folderOf(run, 3));
    expect([...tensors.keys()]).toEqual(['w']);
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-3']);
  });

  test('that cannot be put in the place of another leaves that one there', async () => {
    const run = await runWith(3);
    const actual = await vi.importActual<typeof fs>('node:fs/promises');
    const refused = Object.assign(new Error('EIO: i/o error, rename'), { code: 'EIO' });
    vi.mocked(fs.rename).mockImplementationOnce(actual.rename).mockRejectedValueOnce(refused);
    await expect(saveCheckpoint(run, { ...contents(3), tensors: new Map() })).rejects.toThrow(
      `${folderOf(run, 3)}: cannot write: i/o error (EIO)`,
    );
    expect(await loadCheckpoint(folderOf(run, 3))).toMatchObject(contents(3));
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-3']);
  });

  test('is there before the one that it replaces is deleted', async () => {
    const run = await runWith(3);
    vi.mocked(fs.rm).mockRejectedValueOnce(Object.assign(new Error('EACCES: ...'), { code: 'EACCES' }));
    await saveCheckpoint(run, { ...contents(3), tensors: new Map() });
    expect((await loadCheckpoint(folderOf(run, 3))).tensors.size).toBe(0);
    expect(await listCheckpoints(run)).toEqual([{ step: 3, folder: folderOf(run, 3) }]);
    expect(readdirSync(join(run, 'checkpoints'))).toHaveLength(2);
  });

  test('that fails leaves nothing behind', async () => {
    const run = await runWith(1);
    const broken = new Map([['__metadata__', tensor('float32', [1])]]);
    await expect(saveCheckpoint(run, { ...contents(2), tensors: broken })).rejects.toThrow('__metadata__');
    expect(readdirSync(join(run, 'checkpoints'))).toEqual(['step-1']);
  });

  test('a place that cannot be written is named', async () => {
    const run = temporaryFolder();
    writeFileSync(join(run, 'checkpoints'), '');
    await expect(saveCheckpoint(run, contents(1))).rejects.toThrow(InputError);
    await expect(saveCheckpoint(run, contents(1))).rejects.toThrow(
      `${join(run, 'checkpoints')}: cannot write: a file of that name is in the way (EEXIST)`,
    );
  });

  test.each([-1, 1.5])('step %d is refused', async (step) => {
    await expect(saveCheckpoint('nowhere', { ...contents(1), step })).rejects.toThrow(
      `step ${step} must be an integer >= 0`,
    );
  });
});

describe('loadCheckpoint refuses', () => {
  const refusal = async (damage: (folder: string) => void): Promise<string> => {
    const folder = await saveCheckpoint(temporaryFolder(), contents(4));
    damage(folder);
    const error = await loadCheckpoint(folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message.replaceAll(folder, 'F');
  };

  test('a missing manifest', async () => {
    expect(
      await refusal((folder) => {
        rmSync(join(folder, 'manifest.json'));
      }),
    ).toBe('F: incomplete checkpoint (no manifest.json)');
  });

  test('a manifest that is cut, of something else, of a later format or without a field', async () => {
    expect(
      await refusal((folder) => {
        truncateSync(join(folder, 'manifest.json'), 10);
      }),
    ).toMatch(/^F\/manifest\.json: not valid JSON \(.+\)$/);
    expect(
      await refusal((folder) => {
        editManifest(folder, { format: 'other' });
      }),
    ).toBe('F/manifest.json: not the manifest of a checkpoint (format "other")');
    expect(
      await refusal((folder) => {
        editManifest(folder, { formatVersion: 2 });
      }),
    ).toBe('F/manifest.json: checkpoint format version 2 is unknown, this ganx reads 1');
    expect(
      await refusal((folder) => {
        editManifest(folder, { stateSha256: null });
      }),
    ).toBe('F/manifest.json: damaged manifest (a field is missing or of a wrong type)');
  });

  test.each([
    ['a name', '"provider"', '"prnvider"'],
    ['a number', '"epoch": 1', '"epoch": 9'],
    ['its step', '"step": 4', '"step": 5'],
    ['the count of tensors', '"tensors": 2', '"tensors": 3'],
    ['its checksum', /"manifestSha256": ".{4}/, '"manifestSha256": "none'],
    ['what comes after it', /\}\n$/, '} \n'],
  ])('a manifest in which %s is changed', async (_, text, other) => {
    expect(
      await refusal((folder) => {
        garble(folder, text, other);
      }),
    ).toBe(
      'F/manifest.json: damaged manifest (its SHA-256 is not the one that it says; without its manifestSha256 it is read unchecked)',
    );
  });

  test('a checkpoint under the name of another step', async () => {
    const folder = await saveCheckpoint(temporaryFolder(), contents(4));
    const other = join(dirname(folder), 'step-9');
    renameSync(folder, other);
    await expect(loadCheckpoint(other)).rejects.toThrow(
      `${other}: damaged checkpoint (its manifest is that of step 4)`,
    );
  });

  test('a state that is gone, changed or of another count', async () => {
    expect(
      await refusal((folder) => {
        rmSync(join(folder, 'state.safetensors'));
      }),
    ).toBe('F/state.safetensors: cannot read: no such file or folder (ENOENT)');
    expect(
      await refusal((folder) => {
        flipByte(join(folder, 'state.safetensors'));
      }),
    ).toMatch(
      /^F: damaged checkpoint \(SHA-256 of state\.safetensors is \w{12}\.\.\., the manifest says \w{12}\.\.\.\)$/,
    );
    expect(
      await refusal((folder) => {
        editManifest(folder, { tensors: 3 });
      }),
    ).toBe('F: damaged checkpoint (state.safetensors holds 2 tensors, the manifest says 3)');
  });
});

describe('the checkpoints of a run', () => {
  test('a run without any', async () => {
    const run = temporaryFolder();
    expect(await listCheckpoints(run)).toEqual([]);
    expect(await latestCheckpoint(run)).toEqual({ passedOver: [] });
  });

  test('are listed by step, not by name, with what is wrong with them', async () => {
    const run = await runWith(100, 20, 3);
    rmSync(join(folderOf(run, 20), 'manifest.json'));
    truncateSync(join(folderOf(run, 3), 'state.safetensors'), 9);
    mkdirSync(join(run, 'checkpoints', 'notes'));
    const size = encodeSafetensors(contents(3).tensors).length;
    expect(await listCheckpoints(run)).toEqual([
      {
        step: 3,
        folder: folderOf(run, 3),
        problem: `${folderOf(run, 3)}: damaged checkpoint (state.safetensors has 9 bytes, the manifest says ${size})`,
      },
      {
        step: 20,
        folder: folderOf(run, 20),
        problem: `${folderOf(run, 20)}: incomplete checkpoint (no manifest.json)`,
      },
      { step: 100, folder: folderOf(run, 100) },
    ]);
  });

  test('the newest that loads is taken, damaged ones are passed over with their reason', async () => {
    const run = await runWith(1, 2, 3, 4, 5);
    rmSync(join(folderOf(run, 4), 'manifest.json'));
    flipByte(join(folderOf(run, 3), 'state.safetensors'));
    garble(folderOf(run, 5), '"position"', '"positinn"');
    const { checkpoint, passedOver } = await latestCheckpoint(run);
    expect(checkpoint!.step).toBe(2);
    expect(passedOver.map(({ folder }) => folder)).toEqual([5, 4, 3].map((step) => folderOf(run, step)));
    expect(passedOver[0]!.reason).toContain('damaged manifest');
    expect(passedOver[1]!.reason).toContain('incomplete checkpoint');
    expect(passedOver[2]!.reason).toContain('damaged checkpoint (SHA-256');
  });

  test('pruning keeps the newest complete ones and does not count damaged ones', async () => {
    const run = await runWith(1, 2, 3, 4, 5);
    rmSync(join(folderOf(run, 4), 'manifest.json'));
    expect(await pruneCheckpoints(run, 2)).toEqual([folderOf(run, 1), folderOf(run, 2)]);
    expect(readdirSync(join(run, 'checkpoints')).sort()).toEqual(['step-3', 'step-4', 'step-5']);
    expect(await pruneCheckpoints(run, 9)).toEqual([]);
    expect(existsSync(folderOf(run, 3))).toBe(true);
    await expect(pruneCheckpoints(run, 0)).rejects.toThrow('keep 0 must be an integer >= 1');
  });

  test('pruning removes the others where one cannot be removed', () =>
    withLockedFolder(async (run) => {
      chmodSync(run, 0o700);
      for (const step of [1, 2, 3]) await saveCheckpoint(run, contents(step));
      chmodSync(folderOf(run, 1), 0o500);
      await expect(pruneCheckpoints(run, 1)).rejects.toThrow(
        `${folderOf(run, 1)}: cannot write: permission denied (EACCES)`,
      );
      const [stuck, ...left] = readdirSync(join(run, 'checkpoints')).sort();
      chmodSync(join(run, 'checkpoints', stuck!), 0o700);
      expect(left).toEqual(['step-3']);
    }));
});
