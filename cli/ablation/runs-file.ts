import { z } from 'zod';
import { InputError } from '../../artifacts/errors.ts';
import { appendLine, errorCode, readText, writeFileAtomic } from '../../artifacts/files.ts';

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
  const text = await readText(path).catch((error: unknown) => {
    if (error instanceof InputError && errorCode(error.cause) === 'ENOENT') return '';
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const runs = whole
    .split('\n')
    .slice(0, -1)
    .map((line, i) => parse(line) ?? refuse(path, i + 1, line));
  if (whole !== text) await writeFileAtomic(path, whole);
  return runs;
}

function parse(line: string): RunRecord | undefined {
  try {
    return record.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function refuse(path: string, number: number, line: string): never {
  throw new InputError(`${path}: line ${number} is no training (${JSON.stringify(line.slice(0, 60))})`);
}
