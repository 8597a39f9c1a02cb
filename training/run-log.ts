import type { JsonObject } from '../artifacts/files.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import type { Verdict } from './monitor/verdict.ts';

/** Steps between two lines of log.jsonl. */
export const logEvery = 10;

/** Writes all verdicts of a run. */
export const writeVerdicts = (folder: RunFolder, verdicts: readonly Verdict[]): Promise<void> =>
  folder.writeVerdicts(verdicts as unknown as readonly JsonObject[]);

/**
 * Takes what came after a step out of the log and the verdicts: it will be written again.
 *
 * @returns the steps up to there of which the log lacks the line, each part as its first and last: a power loss can cut it
 */
export async function cutBack(folder: RunFolder, step: number, verdicts: readonly Verdict[]): Promise<Gap[]> {
  const records = await folder.truncateLog(step);
  await writeVerdicts(folder, verdicts);
  return gapsIn(new Set(records.map((record) => record.step)), step);
}

type Gap = readonly [first: number, last: number];

function gapsIn(logged: ReadonlySet<number>, until: number): Gap[] {
  const gaps: Gap[] = [];
  for (let step = logEvery; step <= until; step += logEvery) {
    if (logged.has(step)) continue;
    const [first, last] = gaps.at(-1) ?? [];
    if (last === step - logEvery) gaps[gaps.length - 1] = [first!, step];
    else gaps.push([step, step]);
  }
  return gaps;
}

/** What to say of them, in one line; undefined without any. */
export function gapWarning(folder: RunFolder, gaps: readonly Gap[]): string | undefined {
  if (!gaps.length) return undefined;
  const shown = gaps
    .slice(0, 3)
    .map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
  const more = gaps.length > 3 ? ` and ${gaps.length - 3} more parts` : '';
  return `${folder.log}: has no lines of steps ${shown.join(', ')}${more}; training goes on as it would have, the report lacks them`;
}
