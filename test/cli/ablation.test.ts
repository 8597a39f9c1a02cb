import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { InputError } from '../../artifacts/errors.ts';
import { runAblation } from '../../cli/ablation/ablation.ts';
import type { AblationRun } from '../../cli/ablation/ablation.ts';
import { asLongAs, cellsOf, switchesOf } from '../../cli/ablation/cells.ts';
import { appendRun, readRuns } from '../../cli/ablation/runs-file.ts';
import { renderTable } from '../../cli/ablation/table.ts';
import { presets } from '../../training/presets.ts';
import { changeRecipe } from '../../training/recipe.ts';
import { ganx } from '../ganx.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const images = { kind: 'images', shape: [1, 32, 32], classes: 10 } as const;

test('the cells are: the recommended recipe, it without each of its own, its networks alone, all, none, all but each, each alone', () => {
  const names = switchesOf(presets.dcgan!, images).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(12);
  const cells = new Map(cellsOf(presets.dcgan!, images).map((cell) => [cell.name, cell.on]));
  const own = cells.get('recommended')!;
  expect(own.length).toBeGreaterThan(5);
  expect(cells.size).toBe(4 + own.length + 2 * names.length);
  for (const name of own) expect(cells.get(`without ${name}`)).toEqual(own.filter((other) => other !== name));
  const parts = ['modified-loss', 'spherical-z', 'separate-batches', 'normalization', 'leaky-relu', 'adam'];
  expect(cells.get('plain')).toEqual(parts);
  expect(cells.get('everything on')).toEqual(names);
  expect(cells.get('everything off')).toEqual([]);
  for (const name of names) {
    expect(cells.get(`only ${name}`)).toEqual([name]);
    expect(cells.get(`all but ${name}`)).toEqual(names.filter((other) => other !== name));
  }
});

test('what cannot be on beside the rest of the recipe, or with such data, is not tried', () => {
  const { dcgan, vaegan, mlp } = presets;
  const namesOf = (...of: Parameters<typeof switchesOf>) => switchesOf(...of).map(({ name }) => name);
  const names = namesOf(dcgan!, images);
  const others = names.filter((name) => name !== 'augmentation');
  expect(names).toContain('augmentation');
  expect(namesOf(vaegan!, images)).toEqual(others);
  const points = { kind: 'points', shape: [2] } as const;
  expect(namesOf(mlp!, points)).not.toContain('augmentation');
  const between = changeRecipe(mlp!, ['techniques.gradientPenalty.between=10']);
  const beside = namesOf(mlp!, points).filter((name) => name !== 'minibatch-discrimination');
  expect(namesOf(between, points)).toEqual(beside);
});

test('batches are mixed with batch norm kept, and batch norm is left out with separate batches', () => {
  const { techniques, network } = presets.dcgan!;
  const recipes = new Map(cellsOf(presets.dcgan!, images).map(({ name, recipe }) => [name, recipe]));
  expect(recipes.get('without separate-batches')).toEqual({
    ...presets.dcgan,
    techniques: { ...techniques, batches: 'mixed' },
  });
  expect(recipes.get('without normalization')).toEqual({
    ...presets.dcgan,
    network: { ...network, normalization: 'none' },
  });
});

test.each(['dcgan', 'mlp'])('of a training of %s all schedules end with it: rates and noise', (preset) => {
  for (const { name, recipe } of cellsOf(asLongAs(500, presets[preset]!), images)) {
    const { rateDecay, instanceNoise, layerNoise } = recipe.techniques;
    if (name === 'plain') continue;
    expect([rateDecay.steps, instanceNoise.steps, layerNoise.steps], name).toEqual([500, 500, 500]);
  }
});

test('the table says of how many seeds a figure is the mean, where some have none', () => {
  const runOf = (seed: number, reverseKl: number): AblationRun => ({
    cell: 'recommended',
    seed,
    steps: 10,
    recipeSha256: '',
    seconds: 1,
    outcome: 'done',
    scores: { modes: 1, reverseKl },
  });
  const column = (name: string) => ({ name, format: (value: number) => value.toFixed(1) });
  const judge = { samples: 5, columns: [column('modes'), column('reverseKl')] };
  const cells = cellsOf(presets.mlp!, { kind: 'points', shape: [2] });
  const rowOf = (...figures: readonly number[]) =>
    renderTable({ data: 'ring8', steps: 10, judge, cells, runs: figures.map((x, seed) => runOf(seed, x)) })
      .split('\n')
      .find((row) => row.includes('recommended'));
  expect(rowOf(2, 1)).toBe('| recommended | 2 | 1.0 | 1.5 | 1 |');
  expect(rowOf(2, NaN, 1)).toBe('| recommended | 3 | 1.0 | 1.5 (2 of 3) | 1 |');
  expect(rowOf(NaN)).toBe('| recommended | 1 | 1.0 | - | 1 |');
});

test('trainings at the same time score as those one after the other, and are not done again', async () => {
  const folder = temporaryFolder();
  const bench = async (out: string, jobs: string) => {
    const flags = [
      '--data',
      'ring8',
      '--steps',
      '3',
      '--seeds',
      '2',
      '--only',
      'recommended',
      '--jobs',
      jobs,
    ];
    const { code, stdout } = await ganx(['bench', 'techniques', ...flags, '--out', out], folder);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1\/2 recommended, seed [01].*\n2\/2 recommended, seed [01]/);
    const lines = (await readFile(join(folder, out, 'runs.jsonl'), 'utf8')).trimEnd().split('\n');
    const runs = lines.map((line) => JSON.parse(line) as AblationRun);
    return runs.sort((a, b) => a.seed - b.seed).map(({ seed, scores }) => ({ seed, scores }));
  };
  const taken = await ganx(['bench', 'techniques', '--data', 'ring8', '--out', './ring8'], folder);
  expect([taken.code, taken.stderr]).toEqual([
    2,
    'ganx: --out: a folder ./ring8 would be taken for the data of that name; choose another\n',
  ]);
  const apart = await bench('apart', '1');
  expect(apart.map(({ seed }) => seed)).toEqual([0, 1]);
  expect(await bench('together', '2')).toEqual(apart);
  // Scores of three steps are partly NaN, which JSON does not know.
  expect(await bench('together', '2')).toEqual(apart);
  // Those of another recipe, as that of an older ganx, do not count.
  const file = join(folder, 'together', 'runs.jsonl');
  const older = (await readFile(file, 'utf8')).replace(/"recipeSha256":"\w+"/, '"recipeSha256":"0"');
  await writeFile(file, older);
  expect((await bench('together', '2')).length).toBe(3);
});

test('the recommended recipe and all that comes of it can be changed', async () => {
  const folder = temporaryFolder();
  const bench = (...flags: string[]) =>
    ganx(
      ['bench', 'techniques', '--steps', '2', '--only', 'recommended,plain', '--out', 'out', ...flags],
      folder,
    );
  const rate = 'optimizer.generator.learningRate=0.001';
  for (const flags of [[], ['--set', rate]]) expect((await bench(...flags)).code).toBe(0);
  const digests = (await readRuns(join(folder, 'out/runs.jsonl'))).map(({ recipeSha256 }) => recipeSha256);
  expect(new Set(digests).size).toBe(4);
  const table = await readFile(join(folder, 'out/table.md'), 'utf8');
  expect(table).toContain(`ring8: 2 steps, 2500 samples, ${rate}\n`);
  expect(await bench('--set', 'network.width=3')).toMatchObject({ code: 2, stdout: '' });
});

test('the table is that of what was asked, whether or not anything was trained for it', async () => {
  const folder = temporaryFolder();
  const bench = async (steps: number) => {
    const flags = ['--steps', String(steps), '--only', 'recommended', '--out', 'out'];
    const { code, stdout } = await ganx(['bench', 'techniques', ...flags], folder);
    expect(code).toBe(0);
    const table = await readFile(join(folder, 'out/table.md'), 'utf8');
    expect(table).toMatch(`ring8: ${steps} steps`);
    expect(stdout).toContain(table);
    return stdout.trimEnd().split('\n').at(-1);
  };
  const both = `written to ${join('out', 'table.md')} and ${join('out', 'runs.jsonl')}`;
  expect(await bench(2)).toBe(both);
  expect(await bench(3)).toBe(both);
  expect(await bench(2)).toBe(`written to ${join('out', 'table.md')}`);
});

test('names no file where it is stopped before a training has ended', async () => {
  const out = temporaryFolder();
  const stopped = {
    data: 'ring8',
    steps: 2,
    seeds: 1,
    threads: 1,
    out,
    signal: AbortSignal.abort(),
  } as const;
  expect((await runAblation(stopped)).files).toEqual([]);
  expect(await readdir(out)).toEqual([]);
});

test('stops while the judge of digits is trained, and keeps none', async () => {
  const cache = temporaryFolder();
  vi.stubEnv('XDG_CACHE_HOME', cache);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const out = temporaryFolder();
  const reason = new Error('stopped');
  const asked = { data: 'digits', steps: 2, seeds: 1, threads: 1, out } as const;
  await expect(runAblation({ ...asked, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  expect([await readdir(out), await readdir(join(cache, 'ganx'))]).toEqual([[], []]);
});

test('a crash costs the training that was being written; what else is no training is refused', async () => {
  const file = join(temporaryFolder(), 'runs.jsonl');
  expect(await readRuns(file)).toEqual([]);
  const run = {
    ...{ data: 'ring8', cell: 'recommended', seed: 0, steps: 2, recipeSha256: '0' },
    ...{ seconds: 1, outcome: 'done', scores: { modes: 3, reverseKl: NaN } },
  };
  await appendRun(file, run);
  await writeFile(file, '{"data":"ri', { flag: 'a' });
  expect(await readRuns(file)).toEqual([run]);
  await appendRun(file, { ...run, seed: 1 });
  expect((await readRuns(file)).map(({ seed }) => seed)).toEqual([0, 1]);
  await writeFile(file, '{"data":"ring8"}\n', { flag: 'a' });
  const refused = new InputError(
    `${file}: line 3 is no training ("{\\"data\\":\\"ring8\\"}"); take it out, nothing else depends on it`,
  );
  await expect(readRuns(file)).rejects.toThrow(refused);
  const folder = temporaryFolder();
  await mkdir(join(folder, 'runs.jsonl'));
  const asked = { data: 'ring8', steps: 2, seeds: 1, threads: 1, out: folder } as const;
  await expect(runAblation(asked)).rejects.toThrow(/runs\.jsonl: cannot read: it is a folder/);
});
