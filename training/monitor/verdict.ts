import { z } from 'zod';

export const ruleNames = [
  'divergence',
  'discriminator-won',
  'discriminator-gradients',
  'generator-gradients',
  'unstable-discriminator',
  'fooled-discriminator',
  'mode-collapse',
] as const;

export type RuleName = (typeof ruleNames)[number];

/** What the monitor has to say about a run: one line of verdicts.jsonl. */
export interface Verdict {
  readonly rule: RuleName;
  readonly step: number;
  /** What was measured; null where that is no number any more. */
  readonly figure: number | null;
  /** What `figure` is held against; null where nothing is. */
  readonly threshold: number | null;
  /** The figure and its threshold in words. */
  readonly finding: string;
  readonly meaning: string;
  /** What to try, as options of `ganx train`. */
  readonly advice: string;
  /** The step that training went back to, with halved learning rates. */
  readonly rolledBackTo?: number | undefined;
}

export const verdictSchema = z.strictObject({
  rule: z.enum(ruleNames),
  step: z.number().int(),
  figure: z.number().nullable(),
  threshold: z.number().nullable(),
  finding: z.string(),
  meaning: z.string(),
  advice: z.string(),
  rolledBackTo: z.number().int().optional(),
}) satisfies z.ZodType<Verdict>;

/** A verdict as one line. */
export const describeVerdict = ({ finding, meaning, advice }: Verdict): string =>
  `${finding}; ${meaning}; try ${advice}`;
