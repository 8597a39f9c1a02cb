import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InputError } from '../../artifacts/errors.ts';
import { makeFolder, writeFileAtomic } from '../../artifacts/files.ts';
import { Generator } from '../../inference/node.ts';
import { openDataset } from '../../training/data/dataset.ts';
import { presets } from '../../training/presets.ts';
import { changeRecipe } from '../../training/recipe.ts';
import { train } from '../../training/train.ts';
import { asLongAs, cellsOf } from './cells.ts';
import type { Cell } from './cells.ts';
import { judgeOf } from '../judges/built-in.ts';
import { underWay } from '../under-way.ts';
import type { Judge, Scores } from '../judges/judge.ts';
import { appendRun, readRuns } from './runs-file.ts';
import type { RunRecord } from './runs-file.ts';
import { renderTable } from './table.ts';

export interface AblationOptions {
  readonly data: 'ring8' | 'grid25' | 'digits';
  /** `path=value` changes of the recommended recipe. */
  readonly set?: readonly string[];
  /** Steps of every training. */
  readonly steps: number;
  /** Trainings of each cell, with seeds 0, 1, ... */
  readonly seeds: number;
  /** Of onnxruntime, for each training. */
  readonly threads: number;
  /** Trainings at the same time; 1 by default. Small networks gain more by it than by threads. */
  readonly jobs?: number;
  /** Folder of the results: runs.jsonl, one line a training, and table.md. What is there already is not trained again. */
  readonly out: string;
  /** Cells whose name contains one of these; default all. */
  readonly only?: readonly string[];
  readonly signal?: AbortSignal;
  readonly onRun?: (run: AblationRun, done: number, total: number) => void;
}

/** One training and what came of it. */
export type AblationRun = Omit<RunRecord, 'data'>;

export interface Ablation {
  /** As Markdown. */
  readonly table: string;
  /** Files that were written; none where no training has come to its end. */
  readonly files: readonly string[];
}

/**
 * Trains every cell of the ablation, scores its samples and writes the table of all that there are.
 *
 * @throws the signal's reason where it is aborted before there is a judge
 */
export async function runAblation(options: AblationOptions): Promise<Ablation> {
  const { data, set, seeds, steps, out, signal } = options;
  const dataset = await openDataset(data, { size: 32, channels: 'auto' });
  const preset = presets[data === 'digits' ? 'dcgan' : 'mlp']!;
  const recommended = changeRecipe(asLongAs(steps, preset), set);
  const sample = { kind: dataset.kind, shape: dataset.sampleShape, classes: dataset.classes.length };
  const cells = cellsOf(recommended, sample).filter(
    ({ name }) => !options.only || options.only.some((part) => name.includes(part)),
  );
  if (!cells.length)
    throw new InputError(
      `--only: ${options.only!.join(', ')} is in no cell; there are ${cellsOf(recommended, sample)
        .map(({ name }) => name)
        .join(', ')}`,
    );
  await makeFolder(out);
  const [runsFile, tableFile] = [join(out, 'runs.jsonl'), join(out, 'table.md')];
  const runs: AblationRun[] = (await readRuns(runsFile)).filter(
    (run) => run.data === data && run.steps === steps && cells.some((cell) => isOf(cell, run)),
  );
  const known = runs.length;
  const judge = await judgeOf(dataset, { signal, onProgress: underWay() });
  try {
    const writeTable = async () => {
      const table = renderTable({ data, set, steps, judge, cells, runs });
      if (runs.length) await writeFileAtomic(tableFile, table);
      return table;
    };
    const trainings = Array.from({ length: seeds }, (_, seed) =>
      cells.map((cell) => ({ cell, seed })),
    ).flat();
    const waiting = trainings.values();
    let done = 0;
    let written = Promise.resolve();
    const work = async () => {
      for (const { cell, seed } of waiting) {
        if (signal?.aborted) return;
        let run = runs.find((there) => there.cell === cell.name && there.seed === seed);
        if (!run) {
          const trained = await runCell(cell, seed, options, judge);
          // Stopped in the middle of it.
          if (trained.outcome === 'stopped') return;
          run = trained;
          runs.push(trained);
          written = written.then(async () => {
            await appendRun(runsFile, { data, ...trained });
            await writeTable();
          });
          await written;
        }
        options.onRun?.(run, ++done, trainings.length);
      }
    };
    await Promise.all(Array.from({ length: options.jobs ?? 1 }, work));
    const table = await writeTable();
    const files = [...(runs.length ? [tableFile] : []), ...(runs.length > known ? [runsFile] : [])];
    return { table, files };
  } finally {
    await judge.dispose();
  }
}

const digestOf = (recipe: Cell['recipe']) =>
  createHash('sha256').update(JSON.stringify(recipe)).digest('hex');

/** Whether a training was one of this cell as it is now: presets change. */
const isOf = ({ name, recipe }: Cell, { cell, recipeSha256 }: AblationRun) =>
  cell === name && recipeSha256 === digestOf(recipe);

async function runCell(
  { name, recipe }: Cell,
  seed: number,
  { data, steps, threads, signal }: AblationOptions,
  judge: Judge,
): Promise<AblationRun> {
  const folder = await mkdtemp(join(tmpdir(), 'ganx-ablation-'));
  try {
    const file = join(folder, 'recipe.json');
    await writeFile(file, JSON.stringify(recipe));
    const began = performance.now();
    const out = join(folder, 'run');
    const { outcome } = await train({
      data,
      recipe: file,
      steps,
      seed,
      threads,
      out,
      sampleEvery: 0,
      checkpointEvery: 0,
      signal,
    });
    const seconds = (performance.now() - began) / 1000;
    const scores = outcome === 'stopped' ? {} : await scoreRun(out, judge);
    const recipeSha256 = digestOf(recipe);
    return { cell: name, seed, steps, recipeSha256, seconds: Number(seconds.toFixed(1)), outcome, scores };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function scoreRun(run: string, judge: Judge): Promise<Scores> {
  let generator: Generator;
  try {
    generator = await Generator.load(run);
  } catch (error) {
    // A training that diverged at once leaves no generator.
    if (error instanceof InputError) return Object.fromEntries(judge.columns.map(({ name }) => [name, NaN]));
    throw error;
  }
  try {
    const { data } = await generator.sample(judge.samples, { seed: 1 });
    return await judge.score(data);
  } finally {
    await generator.dispose();
  }
}
