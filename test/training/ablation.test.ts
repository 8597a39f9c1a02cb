import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AblationRun } from '../../training/ablation/ablation.ts';
import { cellsOf, switchesOf } from '../../training/ablation/cells.ts';
import { presets } from '../../training/presets.ts';
import { ganx } from '../cli/ganx.ts';
import { temporaryFolder } from './fixtures.ts';

const images = { kind: 'images', shape: [1, 32, 32], classes: 10 } as const;

test('the cells are: the recommended recipe, it without each of its own, all, none, all but each, each alone', () => {
  const names = switchesOf(presets.dcgan!, images).map(({ name }) => name);
  expect(names.length).toBeGreaterThan(12);
  const cells = new Map(cellsOf(presets.dcgan!, images).map((cell) => [cell.name, cell.on]));
  const own = cells.get('recommended')!;
  expect(own.length).toBeGreaterThan(5);
  expect(cells.size).toBe(3 + own.length + 2 * names.length);
  for (const name of own) expect(cells.get(`without ${name}`)).toEqual(own.filter((other) => other !== name));
  expect(cells.get('everything on')).toEqual(names);
  expect(cells.get('everything off')).toEqual([]);
  for (const name of names) {
    expect(cells.get(`only ${name}`)).toEqual([name]);
    expect(cells.get(`all but ${name}`)).toEqual(names.filter((other) => other !== name));
  }
});

test('trainings at the same time score as those one after the other, and are not done again', async () => {
  const folder = await temporaryFolder();
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
    const { code, stdout } = await ganx(folder, 'bench', 'techniques', ...flags, '--out', out);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1\/2 recommended, seed [01].*\n2\/2 recommended, seed [01]/);
    const lines = (await readFile(join(folder, out, 'runs.jsonl'), 'utf8')).trimEnd().split('\n');
    const runs = lines.map((line) => JSON.parse(line) as AblationRun);
    return runs.sort((a, b) => a.seed - b.seed).map(({ seed, scores }) => ({ seed, scores }));
  };
  const taken = await ganx(folder, 'bench', 'techniques', '--data', 'ring8', '--out', './ring8');
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
