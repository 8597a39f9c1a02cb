import { renameSync, writeFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { tiny, writeDigits } from './fixtures.ts';

const quick = [...tiny, '--sample-every', '0'];
const resume = ['train', '--out', 'run', '--resume', '--sample-every', '0'];

async function started(length: readonly string[], count = 50): Promise<string> {
  const folder = temporaryFolder();
  await mkdir(join(folder, 'digits'));
  await writeDigits(join(folder, 'digits'), count);
  const { code, stderr } = await ganx(['train', 'digits', ...quick, ...length, '--out', 'run'], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return folder;
}

interface StoredRecipe {
  accumulate?: number;
  readonly techniques: {
    readonly minibatchDiscrimination: Record<string, number>;
    readonly gradientPenalty: Record<string, number>;
    augmentation?: Record<string, number>;
  };
}

interface Stored {
  readonly steps: number;
  sampleEvery?: number;
  checkpointEvery?: number;
  onDiverge?: string;
  readonly data: string;
  readonly recipe: StoredRecipe;
}

const config = async (folder: string, run = 'run') =>
  JSON.parse(await readFile(join(folder, run, 'recipe.json'), 'utf8')) as Stored;
const refusal = (message: string) => ({ code: 2, stdout: '', stderr: `ganx: ${message}\n` });

describe('the length of a resumed run', () => {
  it('is the one it was last given, and cannot lie behind it', async () => {
    const folder = await started(['--steps', '4']);
    expect((await ganx([...resume, '--steps', '8'], folder)).code).toBe(0);
    expect((await config(folder)).steps).toBe(8);
    const again = await ganx(resume, folder);
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('done at step 8');
    expect(await ganx([...resume, '--steps', '5'], folder)).toEqual(
      refusal('run: is at step 8 already, beyond the 5 asked for; ask for more'),
    );
    expect((await config(folder)).steps).toBe(8);
  });

  it('must be given where the run had a time', async () => {
    const folder = await started(['--minutes', '0.002']);
    expect(await ganx(resume, folder)).toEqual(
      refusal(
        'run: was started with --minutes and has no last step; say how long to go on with --steps, --epochs or --minutes',
      ),
    );
    expect((await ganx([...resume, '--minutes', '0.001'], folder)).code).toBe(0);
  });
});

describe('the data of a resumed run', () => {
  it('are known by their content, from any folder and under any path', async () => {
    const folder = await started(['--steps', '2']);
    expect((await config(folder)).data).toBe(join(folder, 'digits'));
    const elsewhere = temporaryFolder();
    const from = ['train', '--out', join(folder, 'run'), '--resume', '--sample-every', '0'];
    expect((await ganx([...from, '--steps', '3'], elsewhere)).code).toBe(0);
    await cp(join(folder, 'digits'), join(elsewhere, 'copy'), { recursive: true });
    expect((await ganx([...from, '--steps', '4', 'copy'], elsewhere)).code).toBe(0);

    const labels = join(elsewhere, 'copy/t10k-labels-idx1-ubyte');
    const bytes = await readFile(labels);
    const other = bytes.findIndex((label, i) => i > 8 && label !== bytes[8]);
    [bytes[8], bytes[other]] = [bytes[other]!, bytes[8]!];
    await writeFile(labels, bytes);
    expect(await ganx([...from, 'copy'], elsewhere)).toEqual(
      refusal(
        `${join(folder, 'run')}: was trained on other data: 50 samples of copy there, 50 of other content in copy here; use the same data or another --out`,
      ),
    );
  });
});

describe('a resumed run that cannot go on as it is', () => {
  it('says what can be done', async () => {
    const folder = await started(['--steps', '10']);
    const stored = await config(folder);
    const log = join(folder, 'run/log.jsonl');
    const whole = await readFile(log, 'utf8');
    await writeFile(log, `no JSON\n${whole}`);
    expect(await ganx([...resume, '--steps', '12'], folder)).toEqual(
      refusal('run/log.jsonl: line 1 is no log record ("no JSON"); take it out, nothing else depends on it'),
    );
    expect(await config(folder)).toEqual(stored);
    await writeFile(log, whole);

    await rename(join(folder, 'digits'), join(folder, 'moved'));
    expect(await ganx([...resume, '--steps', '12'], folder)).toEqual(
      refusal(
        `run: its data are no longer at ${folder}/digits; name where they are: ganx train <data> --resume --out run`,
      ),
    );
    expect((await ganx([...resume, 'moved', '--steps', '12'], folder)).code).toBe(0);
  });
});

describe('a log that has lost lines', () => {
  it('is told of when the run goes on, with the steps that are missing', async () => {
    const folder = await started(['--steps', '75']);
    const log = join(folder, 'run/log.jsonl');
    const lines = (await readFile(log, 'utf8')).split(/^/m);
    expect(lines).toHaveLength(8);
    const kept = lines.filter((line) => !/"step":(20|40|50|70),/.test(line));
    await writeFile(log, kept.join(''));
    const told = async (steps: string) => {
      const { code, stdout } = await ganx([...resume, '--steps', steps], folder);
      expect(code).toBe(0);
      return stdout.split('\n').filter((line) => line.startsWith('warning: '));
    };
    expect(await told('81')).toEqual([
      'warning: run/log.jsonl: has no lines of steps 20, 40 to 50, 70; training goes on as it would have, the report lacks them',
    ]);
    await rm(log);
    expect(await told('82')).toEqual([
      'warning: run/log.jsonl: has no lines of steps 10 to 80; training goes on as it would have, the report lacks them',
    ]);
    const whole = await started(['--steps', '25']);
    expect((await ganx([...resume, '--steps', '31'], whole)).stdout).not.toContain('warning');
  });
});

describe('a run beside its data', () => {
  it('is no data when it is resumed, and is named after their folder', async () => {
    const folder = join(temporaryFolder(), 'pictures');
    await mkdir(folder);
    for (let i = 0; i < 8; i++)
      await sharp({ create: { width: 16, height: 16, channels: 3, background: `rgb(${i * 20}, 90, 30)` } })
        .png()
        .toFile(join(folder, `${i}.png`));
    expect((await ganx(['train', '.', ...tiny, '--steps', '2'], folder)).code).toBe(0);
    const out = 'runs/pictures-dcgan';
    const resumed = await ganx(['train', '--resume', '--out', out, '--steps', '3'], folder);
    expect(resumed).toMatchObject({ code: 0, stderr: '' });
    expect(resumed.stdout).toContain(
      `skipped ${out}: the folder of a run of ganx\nskipped 1 in all; skipped.jsonl says why\n`,
    );
  });
});

describe('how a run saves, draws and diverges', () => {
  it('stays as it is when it is resumed, unless it is told otherwise', async () => {
    const told = ['--sample-every', '2', '--checkpoint-every', '3', '--on-diverge', 'rollback'];
    const folder = await started([...told, '--steps', '2']);
    const keeps = { sampleEvery: 2, checkpointEvery: 3, onDiverge: 'rollback' };
    expect(await config(folder)).toMatchObject(keeps);
    const again = ['train', '--resume', '--out', 'run', '--json'];
    const events = async (args: readonly string[]) => {
      const { stdout } = await ganx([...again, ...args], folder);
      const all = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; step: number });
      const steps = (wanted: string) => all.filter(({ type }) => type === wanted).map(({ step }) => step);
      return { checkpoints: steps('checkpoint'), samples: steps('sample') };
    };
    expect(await events(['--steps', '7'])).toEqual({ checkpoints: [3, 6, 7], samples: [4, 6, 7] });
    expect(await config(folder)).toMatchObject(keeps);
    const other = ['--checkpoint-every', '0', '--sample-every', '0', '--on-diverge', 'stop'];
    expect(await events([...other, '--steps', '12'])).toEqual({ checkpoints: [12], samples: [12] });
    expect(await config(folder)).toMatchObject({ sampleEvery: 0, checkpointEvery: 0, onDiverge: 'stop' });
  });
});

describe('a run of an older ganx', () => {
  const paths = ['run/recipe.json', 'run/checkpoints/step-3/manifest.json'];

  /** Rewrites what a run stored about its recipe. */
  async function edit(folder: string, change: (recipe: StoredRecipe, config: Stored) => void): Promise<void> {
    for (const path of paths) {
      const stored = JSON.parse(await readFile(join(folder, path), 'utf8')) as Stored & {
        manifest?: { config: Stored };
        manifestSha256?: string;
      };
      delete stored.manifestSha256;
      const config = stored.manifest?.config ?? stored;
      change(config.recipe, config);
      await writeFile(join(folder, path), JSON.stringify(stored));
    }
  }

  const technique = 'techniques.minibatchDiscrimination';

  it.each([
    ['off', []],
    ['of whole batches', ['--set', `${technique}.kernels=2`, '--set', `${technique}.group=65536`]],
  ])(
    'goes on exactly without the options that are newer, minibatch discrimination %s',
    async (_, settings) => {
      const folder = await started([...settings, '--steps', '3']);
      await cp(join(folder, 'run'), join(folder, 'whole'), { recursive: true });
      await edit(folder, (recipe, config) => {
        delete config.sampleEvery;
        delete config.checkpointEvery;
        delete config.onDiverge;
        delete recipe.accumulate;
        delete recipe.techniques.minibatchDiscrimination.group;
        delete recipe.techniques.gradientPenalty.shrink;
        delete recipe.techniques.gradientPenalty.between;
        delete recipe.techniques.augmentation;
      });
      expect(await ganx([...resume, '--steps', '6'], folder)).toMatchObject({ code: 0, stderr: '' });
      const whole = ['train', '--out', 'whole', '--resume', '--sample-every', '0'];
      expect((await ganx([...whole, '--steps', '6'], folder)).code).toBe(0);
      const state = (run: string) => readFile(join(folder, run, 'checkpoints/step-6/state.safetensors'));
      expect((await state('run')).equals(await state('whole'))).toBe(true);
      expect((await ganx(['export', 'run'], folder)).code).toBe(0);
      // The command that started it does it too.
      const again = ['digits', ...quick, ...settings, '--steps', '7'];
      expect(await ganx([...resume, '--recipe', 'dcgan', ...again], folder)).toMatchObject({ code: 0 });
      expect((await config(folder)).recipe).toEqual((await config(folder, 'whole')).recipe);
    },
  );

  it('is refused with an option that nobody knows', async () => {
    const folder = await started(['--steps', '3']);
    await edit(folder, (recipe) => {
      recipe.techniques.minibatchDiscrimination.groups = 4;
    });
    expect((await ganx(resume, folder)).stderr).toMatch(
      /^ganx: run\/recipe\.json: recipe\.techniques\.minibatchDiscrimination: .*groups.*\n$/,
    );
  });
});

describe('checkpoints', () => {
  it('that are all damaged are not written over', async () => {
    const folder = await started(['--steps', '10']);
    await writeFile(join(folder, 'run/checkpoints/step-10/state.safetensors'), 'damaged');
    const log = await readFile(join(folder, 'run/log.jsonl'), 'utf8');
    const { code, stderr } = await ganx([...resume, '--steps', '20'], folder);
    expect(stderr).toMatch(
      /^ganx: run: none of its 1 checkpoints can be used; \S+step-10: damaged .*; put a whole one there, or use another --out\n$/,
    );
    expect(code).toBe(2);
    expect(await readFile(join(folder, 'run/log.jsonl'), 'utf8')).toBe(log);
  });

  it('with a damaged manifest are passed over', async () => {
    const folder = await started(['--steps', '10', '--checkpoint-every', '5']);
    const manifest = join(folder, 'run/checkpoints/step-10/manifest.json');
    const whole = await readFile(manifest, 'utf8');
    await writeFile(manifest, whole.replace('"format": "ganx.run"', '"fgrmat": "ganx.run"'));
    const { code, stdout } = await ganx([...resume, '--steps', '12'], folder);
    expect(stdout).toMatch(
      /^warning: \S+step-10: passed over \(\S+manifest\.json: damaged manifest \(its SHA-256 .*\)\)$/m,
    );
    expect(stdout).toContain('resumes at step 5');
    expect(code).toBe(0);
  });

  it('that are gone are not begun anew where networks were exported', async () => {
    const folder = await started(['--steps', '2']);
    const generator = await readFile(join(folder, 'run/generator.onnx'));
    for (const part of ['checkpoints/step-2', 'checkpoints']) {
      await rm(join(folder, 'run', part), { recursive: true });
      expect(await ganx([...resume, '--steps', '4'], folder)).toEqual(
        refusal(
          'run: its checkpoints are gone, and a start from step 0 would write over its generator.onnx; put them back into run/checkpoints, or use another --out',
        ),
      );
    }
    expect((await readFile(join(folder, 'run/generator.onnx'))).equals(generator)).toBe(true);
    await rm(join(folder, 'run/generator.onnx'));
    const { code, stdout } = await ganx([...resume, '--steps', '4'], folder);
    expect(stdout).toContain('warning: run: no checkpoint to resume from; starts at step 0');
    expect(code).toBe(0);
  });

  it('that were not yet saved when training diverged are not promised', async () => {
    const folder = temporaryFolder();
    const wild = ['generator', 'discriminator'].flatMap((network) => [
      ...['--set', `optimizer.${network}.kind=sgd`, '--set', `optimizer.${network}.learningRate=1`],
    ]);
    const points = [
      'ring8',
      '--batch',
      '64',
      '--set',
      'network.hidden=16',
      '--set',
      'network.normalization=none',
    ];
    const diverged = await ganx(['train', ...points, ...wild, '--out', 'run'], folder);
    expect(diverged.code).toBe(3);
    expect(diverged.stdout).toMatch(
      /^diverged; no checkpoint had been saved, so there is no generator; at step \d+, .*: run$/m,
    );
    const sampled = await ganx(['sample', 'run'], folder);
    expect(sampled.stderr).toMatch(
      /^ganx: run: the run has no generator\.onnx: it diverged at step \d+, before its first checkpoint; verdicts\.jsonl there says what to try\n$/,
    );
  });
});

describe('two runs at once', () => {
  it('have a folder each, or one is refused', async () => {
    const folder = temporaryFolder();
    const data = await writeDigits(folder, 50);
    const both = (...more: string[]) =>
      Promise.all([1, 2].map(() => ganx(['train', data, ...quick, '--steps', '2', ...more], folder)));
    expect((await both()).map(({ code }) => code)).toEqual([0, 0]);
    expect(await readdir(join(folder, 'runs'))).toHaveLength(2);
    const named = await both('--out', 'one');
    expect(named.map(({ code }) => code).sort()).toEqual([0, 2]);
    expect(named.find(({ code }) => code === 2)!.stderr).toMatch(/^ganx: one: [^\n]*\n$/);
  });

  it('cannot go on with one folder, which can be read all the while', async () => {
    const folder = await started(['--steps', '2']);
    let others: Promise<Awaited<ReturnType<typeof ganx>>[]> | undefined;
    const long = [...resume, '--steps', '1000000', '--json'];
    const { code, stderr } = await ganx(long, folder, (stdout, kill) => {
      if (others || !stdout.includes('"type":"step"')) return;
      others = Promise.all([
        ganx([...resume, '--steps', '9'], folder),
        ganx(['inspect', 'run'], folder),
        ganx(['sample', 'run'], folder),
      ]);
      void others.then(() => {
        kill('SIGTERM');
      });
    });
    expect({ code, stderr }).toMatchObject({ code: 130 });
    const [second, ...readers] = (await others)!;
    expect(second!.stderr).toMatch(
      /^ganx: run: process \d+ has been training it since \S+Z \(lock\.json there\); stop that one first, or use another --out\n$/,
    );
    expect(second!.code).toBe(2);
    expect(readers.map((reader) => reader.code)).toEqual([0, 0]);
    expect(await readdir(join(folder, 'run'))).not.toContain('lock.json');
  });

  it('take over from one that was killed, without a step by hand', async () => {
    const folder = await started(['--steps', '2']);
    let isKilled = false;
    const long = [...resume, '--steps', '1000000', '--checkpoint-every', '3', '--json'];
    await ganx(long, folder, (stdout, kill) => {
      if (isKilled || !stdout.includes('"type":"checkpoint"')) return;
      isKilled = true;
      kill('SIGKILL');
    });
    expect(await readdir(join(folder, 'run'))).toContain('lock.json');
    const { code, stdout, stderr } = await ganx([...resume, '--minutes', '0.001'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/resumes at step ([3-9]|\d\d)/);
    expect(stdout).not.toContain('sign of life');
  });

  it('end, but for one, where both have come to train: who has lost the lock writes nothing more', async () => {
    const folder = await started(['--steps', '2']);
    const lock = join(folder, 'run/lock.json');
    const other = JSON.stringify({ pid: 7, host: 'far', since: 'noon' });
    const generator = await readFile(join(folder, 'run/generator.onnx'));
    let isTaken = false;
    const long = [...resume, '--steps', '1000000', '--checkpoint-every', '0', '--json'];
    const { code, stderr } = await ganx(long, folder, (stdout) => {
      if (isTaken || !stdout.includes('"type":"step"')) return;
      isTaken = true;
      // As one on another machine does while this one is paused.
      renameSync(lock, `${lock}.old`);
      writeFileSync(lock, other);
    });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'ganx: run: was taken over by process 7 on far since noon (lock.json there); this run ends here, without writing; --resume goes on from the newest checkpoint\n',
    });
    expect(await readFile(lock, 'utf8')).toBe(other);
    expect(await readdir(join(folder, 'run/checkpoints'))).toEqual(['step-2']);
    expect((await readFile(join(folder, 'run/generator.onnx'))).equals(generator)).toBe(true);
  });
});
