import { z } from 'zod';
import { InputError } from '../artifacts/errors.ts';
import type { JsonObject } from '../artifacts/files.ts';
import { monitorStateSchema } from './monitor/monitor.ts';
import { verdictSchema } from './monitor/verdict.ts';

const schema = z.object({
  /** Trained so far. */
  seconds: z.number().default(0),
  /** Multiplies the learning rates of the recipe; halved at each rollback. */
  rateScale: z.number().default(1),
  monitor: monitorStateSchema.optional(),
  /** All so far, the oldest first. */
  verdicts: z.array(verdictSchema).default([]),
});

/** What a checkpoint's manifest says of a run beside its settings: with the tensors, all that it takes to go on exactly. */
export type Progress = z.infer<typeof schema>;

/** @throws InputError naming `source` and the field that is wrong */
export function parseProgress(manifest: JsonObject, source: string): Progress {
  const result = schema.safeParse(manifest);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new InputError(
    `${source}: ${issue.path.join('.')}: ${issue.message}; was it written by another ganx?`,
  );
}

/** The progress of a run that has not begun. */
export const noProgress: Progress = schema.parse({});

export const progressToJson = (progress: Progress): JsonObject => progress as unknown as JsonObject;
