import type { JsonObject } from '../artifacts/files.ts';
import type { RunFolder } from '../artifacts/run-folder.ts';
import type { Verdict } from './monitor/verdict.ts';

/** Writes all verdicts of a run. */
export const writeVerdicts = (folder: RunFolder, verdicts: readonly Verdict[]): Promise<void> =>
  folder.writeVerdicts(verdicts as unknown as readonly JsonObject[]);

/** Takes what came after a step out of the log and the verdicts: it will be written again. */
export async function cutBack(folder: RunFolder, step: number, verdicts: readonly Verdict[]): Promise<void> {
  await folder.truncateLog(step);
  await writeVerdicts(folder, verdicts);
}
