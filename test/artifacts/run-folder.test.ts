import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { temporaryBeside } from '../../artifacts/files.ts';
import { RunFolder } from '../../artifacts/run-folder.ts';
import { tensor } from '../../graph-builder/types.ts';
import { withLockedFolder } from './locked-folder.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const refusal = async (run: Promise<unknown>): Promise<string> => {
  const error = await run.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message;
};

test('verdicts are written anew each time; without any there is no file', async () => {
  const run = await RunFolder.create(join(temporaryFolder(), 'run'));
  expect(await run.readVerdicts()).toEqual([]);
  const verdicts = [
    { rule: 'divergence', step: 7, figure: null },
    { rule: 'mode-collapse', step: 500, figure: 0.1 },
  ];
  await run.writeVerdicts(verdicts);
  expect(readFileSync(run.verdicts, 'utf8')).toBe(
    '{"rule":"divergence","step":7,"figure":null}\n{"rule":"mode-collapse","step":500,"figure":0.1}\n',
  );
  expect(await run.readVerdicts()).toEqual(verdicts);
  await run.writeVerdicts([]);
  expect(existsSync(run.verdicts)).toBe(false);
  writeFileSync(run.verdicts, 'oh\n');
  expect(await refusal(run.readVerdicts())).toBe(
    `${run.verdicts}: line 1 is no log record ("oh"); take it out, nothing else depends on it`,
  );
});

test('what was left out of the data is written anew, too', async () => {
  const run = await RunFolder.create(join(temporaryFolder(), 'run'));
  await run.writeSkipped([{ file: 'a.png', reason: 'damaged' }]);
  expect(readFileSync(run.skipped, 'utf8')).toBe('{"file":"a.png","reason":"damaged"}\n');
  await run.writeSkipped([]);
  expect(existsSync(run.skipped)).toBe(false);
});

describe('RunFolder.create', () => {
  test('makes the folder and those above, and knows every place in it', async () => {
    const path = join(temporaryFolder(), 'runs', 'first');
    const run = await RunFolder.create(path);
    expect(readdirSync(path)).toEqual(['lock.json']);
    const { recipe, log, samples, checkpoints, generator, discriminator, report } = run;
    const places = [recipe, log, samples, checkpoints, generator, discriminator, report];
    expect([...places, run.trainingStep, run.trainingLoop].map((place) => place.slice(path.length))).toEqual([
      '/recipe.json',
      '/log.jsonl',
      '/samples',
      '/checkpoints',
      '/generator.onnx',
      '/discriminator.onnx',
      '/report.html',
      '/training-step.onnx',
      '/training-loop.onnx',
    ]);
    expect(run.samplePath(200)).toBe(join(path, 'samples', '200.png'));
  });

  test('gives a folder to one of several that ask at once', async () => {
    const path = join(temporaryFolder(), 'run');
    const asked = await Promise.allSettled(Array.from({ length: 5 }, () => RunFolder.create(path)));
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of asked)
      if (answer.status === 'rejected')
        expect(String(answer.reason)).toMatch(
          new RegExp(
            `run: process ${process.pid} has been training it since .*; stop that one first, or use`,
          ),
        );
    expect(readdirSync(path)).toEqual(['lock.json']);
  });

  test('numbers folders that are taken, also those taken at the same time', async () => {
    const base = join(temporaryFolder(), 'runs', 'a');
    const made = await Promise.all(Array.from({ length: 4 }, () => RunFolder.createNumbered(base)));
    expect(made.map(({ path }) => path).sort()).toEqual([base, `${base}-2`, `${base}-3`, `${base}-4`]);
  });

  test('numbers no folders where none can be seen', () =>
    withLockedFolder(async (runs) => {
      chmodSync(runs, 0);
      expect(await refusal(RunFolder.createNumbered(join(runs, 'a')))).toBe(
        `${runs}/a: cannot read: permission denied (EACCES)`,
      );
      chmodSync(runs, 0o500);
    }));

  test('takes an empty folder', async () => {
    const path = temporaryFolder();
    expect((await RunFolder.create(path)).path).toBe(path);
  });

  test('takes a folder in which a run was killed before it had written anything', async () => {
    const run = await RunFolder.create(temporaryFolder());
    const lock = join(run.path, 'lock.json');
    const ended = spawnSync(process.execPath, ['--eval', '']).pid;
    const text = readFileSync(lock, 'utf8').replace(`"pid": ${process.pid}`, `"pid": ${ended}`);
    await run.release();
    writeFileSync(lock, text);
    const again = await RunFolder.create(run.path);
    expect(readFileSync(lock, 'utf8')).toContain(`"pid": ${process.pid}`);
    await again.discardIfEmpty();
    expect(readdirSync(run.path)).toEqual([]);
  });

  test('refuses a folder with another run, one with other files, and a file', async () => {
    const path = temporaryFolder();
    writeFileSync(join(path, 'a.txt'), '');
    expect(await refusal(RunFolder.create(path))).toBe(
      `${path}: is not empty (found a.txt); use another --out`,
    );
    for (const name of ['log.jsonl', 'recipe.json', 'z1']) writeFileSync(join(path, name), '');
    expect(await refusal(RunFolder.create(path))).toBe(
      `${path}: holds another run (found a.txt, log.jsonl, recipe.json and 1 more); use --resume or another --out`,
    );
    const file = join(path, 'a.txt');
    expect(await refusal(RunFolder.create(file))).toBe(`${file}: is a file, must be a folder`);
    expect(await refusal(RunFolder.create(join(file, 'run')))).toBe(
      `${file}/run: cannot read: a part of the path is a file, not a folder (ENOTDIR)`,
    );
  });

  test('refuses a folder without permission', () =>
    withLockedFolder(async (path) => {
      expect(await refusal(RunFolder.create(path))).toMatch(
        /locked.*: cannot write: permission denied \(EACCES\)$/,
      );
    }));
});

describe('discardIfEmpty', () => {
  test('removes the folders that were made, but not those that were there', async () => {
    const root = temporaryFolder();
    const run = await RunFolder.create(join(root, 'runs', 'first'));
    mkdirSync(run.samples);
    await run.discardIfEmpty();
    expect(readdirSync(root)).toEqual([]);

    const there = temporaryFolder();
    const second = await RunFolder.create(there);
    await second.discardIfEmpty();
    expect(readdirSync(there)).toEqual([]);
  });

  test('keeps what has been written', async () => {
    const run = await RunFolder.create(join(temporaryFolder(), 'run'));
    await run.writeRecipe({ name: 'dcgan' });
    await run.discardIfEmpty();
    expect(existsSync(run.recipe)).toBe(true);
  });
});

describe('RunFolder.open', () => {
  test('opens a run and reads its recipe', async () => {
    const path = temporaryFolder();
    await (await RunFolder.create(path)).writeRecipe({ name: 'dcgan', batch: 64 });
    expect(await (await RunFolder.open(path)).readRecipe()).toEqual({ name: 'dcgan', batch: 64 });
  });

  test('refuses what is no run', async () => {
    const path = temporaryFolder();
    expect(await refusal(RunFolder.open(path))).toBe(
      `${path}: not the folder of a run (no recipe.json; found nothing)`,
    );
    writeFileSync(join(path, 'model.onnx'), '');
    expect(await refusal(RunFolder.open(path))).toBe(
      `${path}: not the folder of a run (no recipe.json; found model.onnx)`,
    );
    expect(await refusal(RunFolder.open(join(path, 'missing')))).toBe(`${path}/missing: no such folder`);
  });
});

describe('RunFolder.resume', () => {
  /** A run that was killed while it wrote a sample, a checkpoint and a network. */
  async function killed(): Promise<RunFolder> {
    const run = await RunFolder.create(temporaryFolder());
    await run.writeRecipe({});
    await run.writeSample(1, Uint8Array.of(1));
    for (const path of [run.samplePath(2), run.generator]) writeFileSync(temporaryBeside(path), '');
    mkdirSync(join(temporaryBeside(join(run.checkpoints, 'step-2')), 'inside'), { recursive: true });
    await run.release();
    return run;
  }

  test('sweeps up what a process that was killed left unfinished, and nothing else', async () => {
    const { path } = await killed();
    const others = ['.notes.tmp', 'a.0123456789abcdef.tmp', '.lock.json.0123456789abcdef.aside'];
    for (const name of others) writeFileSync(join(path, name), '');
    const run = await RunFolder.resume(path, {});
    expect(readdirSync(path).sort()).toEqual(
      [...others, 'checkpoints', 'lock.json', 'recipe.json', 'samples'].sort(),
    );
    expect(readdirSync(run.samples)).toEqual(['1.png']);
    expect(readdirSync(run.checkpoints)).toEqual([]);
    await run.release();
  });

  test('sweeps only where it has the lock; who reads does not', async () => {
    const { path } = await killed();
    const writer = await RunFolder.resume(path, {});
    const unfinished = temporaryBeside(writer.samplePath(3));
    writeFileSync(unfinished, '');
    expect(await refusal(RunFolder.resume(path, {}))).toContain('has been training it');
    await RunFolder.open(path);
    expect(existsSync(unfinished)).toBe(true);
    await writer.release();
  });
});

describe('a folder that another process has taken over', () => {
  const contents = { step: 9, manifest: {}, tensors: new Map() };
  const writes: Readonly<Record<string, (run: RunFolder) => Promise<unknown>>> = {
    recipe: (run) => run.writeRecipe({}),
    log: (run) => run.appendLog({ step: 9 }),
    'shorter log': (run) => run.truncateLog(0),
    verdicts: (run) => run.writeVerdicts([{ step: 9 }]),
    'skipped files': (run) => run.writeSkipped([]),
    sample: (run) => run.writeSample(9, Uint8Array.of(1)),
    checkpoint: (run) => run.saveCheckpoint(contents),
    'pruned checkpoints': (run) => run.pruneCheckpoints(1),
    file: (run) => run.writeFile(run.generator, 'new'),
  };

  /** A run with something of everything, whose lock says that another has it. */
  async function lost(): Promise<RunFolder> {
    const run = await RunFolder.create(temporaryFolder());
    for (const step of [1, 2]) await run.saveCheckpoint({ ...contents, step });
    await run.appendLog({ step: 2 });
    await run.writeSkipped([{ file: 'a.png', reason: 'damaged' }]);
    writeFileSync(join(run.path, 'lock.json'), JSON.stringify({ pid: 7, host: 'far', since: 'noon' }));
    return run;
  }

  const files = ({ path }: RunFolder) =>
    (readdirSync(path, { recursive: true }) as string[])
      .filter((name) => statSync(join(path, name)).isFile())
      .sort()
      .map((name) => [name, readFileSync(join(path, name), 'latin1')]);

  test.each(Object.entries(writes))('is not written any more: %s', async (_, write) => {
    const run = await lost();
    const before = files(run);
    expect(await refusal(write(run))).toBe(
      `${run.path}: was taken over by process 7 on far since noon (lock.json there); this run ends here, without writing; --resume goes on from the newest checkpoint`,
    );
    await run.release();
    expect(files(run)).toEqual(before);
  });

  test('is named as the reason where it was taken in the middle of a write', async () => {
    const run = await RunFolder.create(temporaryFolder());
    const tensors = new Map([['w', tensor('float32', [1])]]);
    // Read when the checkpoint is made, after the check.
    vi.spyOn(tensors, 'size', 'get').mockImplementation(() => {
      writeFileSync(join(run.path, 'lock.json'), JSON.stringify({ pid: 7, host: 'far', since: 'noon' }));
      throw new InputError('no such file');
    });
    expect(await refusal(run.saveCheckpoint({ ...contents, tensors }))).toMatch(
      'was taken over by process 7',
    );
  });
});

describe('samples and log', () => {
  const runWithLog = async (): Promise<RunFolder> => {
    const run = await RunFolder.create(temporaryFolder());
    for (const step of [1, 2, 3]) await run.appendLog({ step, dLoss: step / 2 });
    return run;
  };

  test('a sample goes to samples/<step>.png', async () => {
    const run = await RunFolder.create(temporaryFolder());
    const path = await run.writeSample(5, Uint8Array.of(1, 2, 3));
    expect(path).toBe(run.samplePath(5));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
  });

  test('one object a line; a run without a log has no records', async () => {
    const run = await runWithLog();
    expect(readFileSync(run.log, 'utf8').split('\n')[1]).toBe('{"step":2,"dLoss":1}');
    expect((await run.readLog()).map(({ step, dLoss }) => [step, dLoss])).toEqual([
      [1, 0.5],
      [2, 1],
      [3, 1.5],
    ]);
    const fresh = await RunFolder.create(temporaryFolder());
    expect(await fresh.readLog()).toEqual([]);
    await fresh.truncateLog(0);
    expect(existsSync(fresh.log)).toBe(false);
  });

  test('a cut last line is left out, and gone after truncateLog', async () => {
    const run = await runWithLog();
    appendFileSync(run.log, '{"step":4,"dLo');
    expect((await run.readLog()).map(({ step }) => step)).toEqual([1, 2, 3]);
    await run.truncateLog(2);
    expect(readFileSync(run.log, 'utf8')).toBe('{"step":1,"dLoss":0.5}\n{"step":2,"dLoss":1}\n');
    await run.appendLog({ step: 3 });
    expect((await run.readLog()).map(({ step }) => step)).toEqual([1, 2, 3]);
  });

  test.each(['nonsense', '{"loss":1}', '[1]'])('a damaged line is named: %s', async (line) => {
    const run = await runWithLog();
    appendFileSync(run.log, `${line}\n{"step":5}\n`);
    expect(await refusal(run.readLog())).toBe(
      `${run.log}: line 4 is no log record (${JSON.stringify(line)}); take it out, nothing else depends on it`,
    );
  });
});
