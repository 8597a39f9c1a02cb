import { z } from 'zod';
import { appendLine } from '../../artifacts/files.ts';
import { cutTornLine, readJsonLines } from '../../artifacts/json-lines.ts';

// JSON has no NaN: a figure that could not be had is null there.
const score = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const record = z.object({
  data: z.string(),
  cell: z.string(),
  seed: z.number(),
  steps: z.number(),
  recipeSha256: z.string(),
  seconds: z.number(),
  outcome: z.string(),
  scores: z.record(z.string(), score),
});

/** One line of runs.jsonl: a training and what came of it. */
export type RunRecord = z.infer<typeof record>;

export const appendRun = (path: string, run: RunRecord): Promise<void> =>
  appendLine(path, JSON.stringify(run));

/**
 * The trainings that a file of them has; none where there is no file. A last line without its end is a crash's: it is
 * cut off, or the next training would go on in it.
 *
 * @throws InputError where the file cannot be read, and naming the line that is no training.
 */
export async function readRuns(path: string): Promise<RunRecord[]> {
  await cutTornLine(path);
  return readJsonLines(path, 'training', (value) => record.parse(value));
}
