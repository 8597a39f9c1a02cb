import { readdir } from 'node:fs/promises';
import { listCheckpoints } from '../artifacts/checkpoint.ts';
import type { CheckpointEntry } from '../artifacts/checkpoint.ts';
import { isJsonObject } from '../artifacts/files.ts';
import type { JsonObject } from '../artifacts/files.ts';
import { RunFolder } from '../artifacts/run-folder.ts';
import type { LogRecord } from '../artifacts/run-folder.ts';
import { oneLine } from './report.ts';
import type { Report, Row } from './report.ts';

/** What a record counts; the other numbers in it are measurements. */
const counters = ['step', 'images', 'seconds'];

/** @throws InputError where the recipe or the log cannot be read. */
export async function examineRun(path: string): Promise<Report> {
  const folder = await RunFolder.open(path);
  const settings = await folder.readRecipe();
  const log = await folder.readLog();
  const last = log.at(-1);
  const verdicts = await folder.readVerdicts();
  const checkpoints = await listCheckpoints(path);
  const files = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  return {
    what: `run${last ? ` at step ${last.step}` : ' that has not logged a step yet'}`,
    rows: [
      ['progress', describeProgress(settings, last)],
      ['last', last ? describeMeasurements(last) : 'nothing'],
      ['verdicts', verdicts.length ? verdicts.map(describeVerdict) : ['none']],
      ['checkpoints', checkpoints.length ? checkpoints.map(describeCheckpoint) : ['none']],
      ...settingRows(settings),
      ['files', files.join(', ')],
    ],
    facts: {
      type: 'run',
      path,
      settings,
      logged: log.length,
      last: last ?? null,
      verdicts,
      checkpoints,
      files,
    },
  };
}

function describeProgress({ steps }: JsonObject, last: LogRecord | undefined): string {
  const total = typeof steps === 'number' && steps < 2 ** 31 - 1 ? ` of ${steps}` : '';
  if (!last) return `step 0${total}`;
  const { step, images, seconds } = last;
  const seen = typeof images === 'number' ? `, ${images} images` : '';
  const took = typeof seconds === 'number' ? `, ${seconds.toFixed(1)} s` : '';
  return `step ${step}${total}${seen}${took}`;
}

const describeMeasurements = (record: LogRecord): string =>
  Object.entries(record)
    .filter(([key]) => !counters.includes(key))
    .map(
      ([key, value]) => `${key} ${typeof value === 'number' ? Number(value.toPrecision(4)) : oneLine(value)}`,
    )
    .join(', ');

const describeVerdict = ({ step, rule, finding }: LogRecord): string =>
  `step ${step}: ${oneLine(finding ?? rule ?? null)}`;

const describeCheckpoint = ({ step, problem }: CheckpointEntry): string =>
  problem === undefined ? `step ${step}` : `step ${step}: ${problem}`;

/** Settings of the run, the recipe's own last. */
function settingRows({ recipe, ...settings }: JsonObject): Row[] {
  const row =
    (prefix: string) =>
    (entry: [string, JsonObject[string]]): Row => [`${prefix}${entry[0]}`, oneLine(entry[1])];
  const inner =
    recipe !== undefined && isJsonObject(recipe) ? Object.entries(recipe).map(row('recipe.')) : [];
  return [...Object.entries(settings).map(row('')), ...inner];
}
